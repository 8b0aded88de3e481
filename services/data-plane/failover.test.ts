import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Failure, verdictOn } from './failover.ts';

const failed = (status: number | null): Failure => ({
  upstream: 'a',
  reply: status === null ? null : { status, headers: {}, body: Buffer.alloc(0) },
});

test('what is wrong decides the code: the gateway’s own key is the operator’s to mend', () => {
  const cases = [
    [[401], 'upstream_rejected'],
    [[403, 404], 'upstream_rejected'],
    [[null], 'upstream_failed'],
    [[500, 503], 'upstream_failed'],
  ] as const;
  for (const [statuses, code] of cases) {
    const verdict = verdictOn(statuses.map(failed), statuses.length);
    assert.deepEqual([statuses, verdict.type === 'error' && verdict.error.code], [statuses, code]);
  }
});

test('the sentence tells a key that is refused from one that may not', () => {
  const sentence = (...statuses: number[]) => {
    const verdict = verdictOn(statuses.map(failed), statuses.length);
    return verdict.type === 'error' && verdict.error.message;
  };
  const denied =
    'the upstream does not let the gateway use this model — check the gateway operator';
  assert.match(String(sentence(401)), /^the gateway could not sign in to its upstream — check/);
  assert.equal(sentence(403), denied);
  assert.equal(sentence(401, 403, 404), denied, 'the last one that was asked');
});
