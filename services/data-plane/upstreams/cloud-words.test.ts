import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readCloudWords } from './cloud-words.ts';

const CASES: readonly (readonly [
  name: string,
  body: unknown,
  status: string | null,
  said: string,
])[] = [
  [
    'Google’s shape',
    {
      error: {
        code: 403,
        message: "Permission 'aiplatform.endpoints.predict' denied on resource projects/p-1",
        status: 'PERMISSION_DENIED',
      },
    },
    'PERMISSION_DENIED',
    "Permission 'aiplatform.endpoints.predict' denied on resource projects/p-1",
  ],
  [
    'Google’s shape in a list',
    [{ error: { message: 'The request size (31 bytes) exceeds 30.000MB limit.', status: 'X' } }],
    'X',
    'The request size (31 bytes) exceeds 30.000MB limit.',
  ],
  [
    'Anthropic’s shape',
    { type: 'error', error: { type: 'invalid_request_error', message: 'max_tokens: too low' } },
    'invalid_request_error',
    'max_tokens: too low',
  ],
  ['a bare message', { message: 'nope' }, null, 'nope'],
  ['no JSON', '<html>bad</html>', null, '<html>bad</html>'],
  ['nothing', '', null, ''],
  [
    'names in quotes stay',
    {
      message: '`messages.0.content[1]`, "tool_choice" and \'claude-opus-4-8@20250101\' are wrong',
    },
    null,
    '`messages.0.content[1]`, "tool_choice" and \'claude-opus-4-8@20250101\' are wrong',
  ],
  [
    'what else is quoted does not',
    {
      message:
        'Invalid value at \'contents[0]\', "my \\"secret\\" prompt": `hunter2` isn\'t \'a role\' or "half',
    },
    null,
    "Invalid value at 'contents[0]', [quoted]: [quoted] isn't [quoted] or [quoted]",
  ],
  ['a key', { message: 'bad key sk-ant-1234567890' }, null, 'bad key [redacted]'],
];

for (const [name, body, errorStatus, message] of CASES) {
  test(name, () => {
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    assert.deepEqual(readCloudWords(Buffer.from(text)), { errorStatus, message });
  });
}

test('however long it is, 500 characters are told, and no half of a quotation', () => {
  const said = `${'x'.repeat(495)} "my secret prompt"`;
  const { message } = readCloudWords(Buffer.from(JSON.stringify({ message: said })));
  assert.deepEqual([message.length, message.includes('secret')], [500, false]);
  const long = readCloudWords(Buffer.from('y'.repeat(1_000_000)));
  assert.equal(long.message.length, 500);
});
