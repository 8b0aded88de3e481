import assert from 'node:assert/strict';
import { test } from 'node:test';
import { inspect } from 'node:util';
import { createSecret, isSecret } from './secret.ts';

test('a secret prints as redacted however it is printed', () => {
  const secret = createSecret('hunter2');
  const holder = { nested: { secret } };
  for (const text of [
    String(secret),
    `${secret}`,
    JSON.stringify(holder),
    inspect(holder, { depth: 9, showHidden: true }),
    inspect({ ...secret }),
    JSON.stringify({ ...secret }),
  ]) {
    assert.equal(text.includes('hunter2'), false, text);
    assert.match(text, /\[redacted\]/);
  }
});

test('a secret gives its value only to reveal()', () => {
  assert.equal(createSecret('hunter2').reveal(), 'hunter2');
});

test('a look-alike is not taken for a secret', () => {
  assert.equal(isSecret(createSecret('x')), true);
  assert.equal(isSecret({ reveal: () => 'x' }), false);
  assert.equal(isSecret('x'), false);
});
