import assert from 'node:assert/strict';
import { test } from 'node:test';
import { signWebhook } from './webhook-signature.ts';

// The vector that the libraries of the Standard Webhooks project are tested with.
const SECRET = 'whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw';
const CONTENT = {
  id: 'msg_p5jXN8AQM9LWM0D4loKWxJek',
  timestamp: 1_614_265_330,
  body: '{"test": 2432232314}',
};
const SIGNATURE = 'v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=';

test('a signature is the one that the specification’s libraries expect', () => {
  assert.equal(signWebhook(CONTENT, [SECRET]), SIGNATURE);
});

test('every secret signs, and every part is signed', () => {
  const both = signWebhook(CONTENT, [SECRET, 'whsec_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA']);
  const [first, second] = both.split(' ');
  assert.equal(first, SIGNATURE);
  assert.match(second ?? '', /^v1,[A-Za-z0-9+/]{43}=$/);
  assert.notEqual(second, SIGNATURE);
  for (const other of [{ id: 'msg_2' }, { timestamp: 1_614_265_331 }, { body: '{}' }]) {
    assert.notEqual(signWebhook({ ...CONTENT, ...other }, [SECRET]), SIGNATURE);
  }
});
