// Every file of faults/ is named after what is wrong with it. Its first lines say what an operator
// reads: `# expect: <sentence>`, one for each fault and no other; `# env: NAME=value` sets a variable.

import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { loadConfig } from '#shared/config/load.ts';

const directory = new URL('faults/', import.meta.url);
const files = readdirSync(directory).filter((name) => name.endsWith('.yaml'));

for (const file of files) {
  test(`${file} is refused with its sentences`, () => {
    const text = readFileSync(new URL(file, directory), 'utf8');
    const expected = [...text.matchAll(/^# expect: (.+)$/gm)].map((match) => match[1]);
    const variables = [...text.matchAll(/^# env: (\w+)=(.*)$/gm)];
    const env = Object.fromEntries(variables.map((match) => [match[1], match[2]]));
    assert.ok(expected.length > 0, 'the file says what it expects');
    const result = loadConfig({ text }, { env });
    assert.equal(result.ok, false, 'the file is refused');
    assert.deepEqual(result.ok || result.faults.map((fault) => fault.message), expected);
  });
}

test('the faults are on file', () => {
  assert.ok(files.length > 100, `${files.length} files`);
});
