import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { Readable } from 'node:stream';
import { describe, test } from 'node:test';
import { readBody, readForm, readJson } from './body.ts';

function bodyOf(text: string, contentType?: string): IncomingMessage {
  const headers = contentType === undefined ? {} : { 'content-type': contentType };
  return Object.assign(Readable.from([Buffer.from(text)]), {
    headers,
  }) as unknown as IncomingMessage;
}

const URLENCODED = 'application/x-www-form-urlencoded';
const multipart = (...fields: [string, string][]) =>
  `${fields.map(([name, value]) => part(`name="${name}"`, value)).join('')}--b--\r\n`;
const part = (disposition: string, value: string) =>
  `--b\r\nContent-Disposition: form-data; ${disposition}\r\n\r\n${value}\r\n`;

describe('forms', () => {
  test('are read urlencoded and multipart, whatever the case of the content type', async () => {
    const fields = multipart(['grant_type', 'refresh_token'], ['refresh_token', 'x']);
    for (const [text, type] of [
      ['grant_type=refresh_token&refresh_token=x', URLENCODED],
      ['grant_type=refresh_token&refresh_token=x', `${URLENCODED.toUpperCase()}; charset=UTF-8`],
      [fields, 'multipart/form-data; boundary=b'],
      [fields, 'Multipart/Form-Data; boundary=b'],
    ] as const) {
      const form = await readForm(bodyOf(text, type));
      const expected = { grant_type: 'refresh_token', refresh_token: 'x' };
      assert.deepEqual(Object.fromEntries(form), expected, type);
    }
  });

  test('that are empty need no content type', async () => {
    assert.equal((await readForm(bodyOf(''))).size, 0);
  });

  test('are refused with a parameter given twice, in another type, or broken', async () => {
    for (const [text, type] of [
      ['a=1&a=1', URLENCODED],
      [multipart(['a', '1'], ['a', '1']), 'multipart/form-data; boundary=b'],
      ['{"a":1}', 'application/json'],
      ['a=1', undefined],
      ['a=1', `${URLENCODED}ish`],
      ['junk', 'multipart/form-data; boundary=b'],
      [multipart(['a', '1']), 'multipart/form-data'],
    ] as const) {
      await assert.rejects(readForm(bodyOf(text, type)), { code: 'invalid_request' }, `${type}`);
    }
  });
});

test('JSON that cannot be read is refused with the reference’s words', async () => {
  assert.deepEqual(await readJson(bodyOf('{"a":[1]}')), { a: [1] });
  for (const text of ['', '{', '\ufeff{}']) {
    const refused = { code: 'invalid_request', message: 'invalid JSON body' };
    await assert.rejects(readJson(bodyOf(text)), refused, JSON.stringify(text));
  }
});

test('a body at the limit is read, one byte more is refused', async () => {
  assert.equal((await readBody(bodyOf('12345'), 5)).toString(), '12345');
  await assert.rejects(readBody(bodyOf('123456'), 5), { code: 'request_too_large' });
});

test('a body that is cut off is the caller’s fault', async () => {
  const cut = new Readable({
    read() {
      this.destroy(new Error('aborted'));
    },
  });
  const refused = { code: 'invalid_request' };
  await assert.rejects(readBody(cut as unknown as IncomingMessage, 5), refused);
});
