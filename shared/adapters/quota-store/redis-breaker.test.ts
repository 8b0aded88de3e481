import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  answered,
  type Breaker,
  CLOSED,
  PAUSE_MS,
  refused,
  TIMEOUTS_MAX,
  takeTurn,
  timedOut,
} from './redis-breaker.ts';

const NOW = 1_000_000;

/** Time-outs in a row of calls that were under way together. */
function after(timeouts: number, from: Breaker = CLOSED): Breaker {
  return Array.from({ length: timeouts }).reduce<Breaker>(
    (breaker) => timedOut(breaker, 'call', NOW),
    from,
  );
}

const OPEN = after(TIMEOUTS_MAX);
const turnAt = (breaker: Breaker, nowMs: number) => takeTurn(breaker, nowMs).turn;

test('opens at the fifth time-out in a row, not at the fourth', () => {
  assert.equal(turnAt(after(4), NOW), 'call');
  assert.deepEqual(OPEN, { phase: 'open', sinceMs: NOW });
  assert.equal(turnAt(OPEN, NOW), 'skip');
});

test('an answer in between starts the count anew; a refused connection does not', () => {
  assert.equal(turnAt(after(4, answered(after(4))), NOW), 'call');
  assert.equal(turnAt(after(1, refused(after(4), 'call')), NOW), 'skip');
});

test('lets one probe through per pause, and nobody while it is under way', () => {
  assert.equal(turnAt(OPEN, NOW + PAUSE_MS - 1), 'skip');
  const { turn, breaker } = takeTurn(OPEN, NOW + PAUSE_MS);
  assert.equal(turn, 'probe');
  assert.equal(turnAt(breaker, NOW + 2 * PAUSE_MS), 'skip');
});

test('a probe decides: answered and refused close it, a time-out begins another pause', () => {
  const { breaker } = takeTurn(OPEN, NOW + PAUSE_MS);
  assert.deepEqual(answered(breaker), CLOSED);
  assert.deepEqual(refused(breaker, 'probe'), CLOSED);
  const again = timedOut(breaker, 'probe', NOW + PAUSE_MS + 50);
  assert.deepEqual(again, { phase: 'open', sinceMs: NOW + PAUSE_MS + 50 });
});

test('calls from before it opened neither lengthen the pause nor end the probe', () => {
  assert.deepEqual(timedOut(OPEN, 'call', NOW + 30), OPEN);
  const { breaker } = takeTurn(OPEN, NOW + PAUSE_MS);
  assert.deepEqual(timedOut(breaker, 'call', NOW + PAUSE_MS + 1), breaker);
  assert.deepEqual(refused(breaker, 'call'), breaker);
});

test('a clock that is set back ends the pause', () => {
  assert.equal(turnAt(OPEN, NOW - 1), 'probe');
});
