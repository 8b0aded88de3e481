import assert from 'node:assert/strict';
import { test } from 'node:test';
import { demoPort } from './port.ts';

test('PORT decides; unset and empty mean 8080', () => {
  const cases = [
    [undefined, 8080],
    ['', 8080],
    ['8090', 8090],
    ['1', 1],
    ['65535', 65_535],
  ] as const;
  for (const [wanted, port] of cases) assert.equal(demoPort(wanted), port);
});

test('anything else is refused in one sentence', () => {
  for (const wanted of ['abc', '0', '65536', '-1', '80.5', '8080 ', '0x50', '1e3', '999999']) {
    assert.throws(() => demoPort(wanted), {
      code: 'invalid_request',
      message: `PORT is "${wanted}"; accepted: a whole number from 1 to 65535.`,
    });
  }
});
