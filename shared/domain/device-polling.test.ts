import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type PollPace, paceDevicePoll } from './device-polling.ts';

/** For each poll, in seconds: whether it was early, and the interval after it. */
function poll(...afterSeconds: number[]): [slowDown: boolean, intervalSeconds: number][] {
  let pace: PollPace = { intervalSeconds: 5, polledAtMs: null };
  return afterSeconds.map((seconds) => {
    const { slowDown, next } = paceDevicePoll(pace, seconds * 1000);
    pace = next;
    return [slowDown, next.intervalSeconds];
  });
}

test('the first poll is never early, and a second is forgiven', () => {
  assert.deepEqual(poll(0), [[false, 5]]);
  assert.deepEqual(poll(0, 3.999)[1], [true, 10]);
  assert.deepEqual(poll(0, 4, 8, 12.5), [
    [false, 5],
    [false, 5],
    [false, 5],
    [false, 5],
  ]);
});

test('an early poll lengthens the interval and does not move the clock', () => {
  // Ten seconds, but for one, count from the poll at 0.
  assert.deepEqual(poll(0, 1, 8.999)[2], [true, 15]);
  assert.deepEqual(poll(0, 1, 9)[2], [false, 10]);
  assert.deepEqual(poll(0, 1, 9, 17.999)[3], [true, 15]);
  assert.deepEqual(poll(0, 1, 9, 18)[3], [false, 10]);
});

test('of twenty polls at once one is not early', () => {
  const answers = poll(...Array.from({ length: 20 }, () => 0));
  assert.equal(answers.filter(([slowDown]) => !slowDown).length, 1);
  assert.equal(answers.at(-1)?.[1], 5 + 19 * 5);
});

test('a clock that was set back is early, not free', () => {
  assert.deepEqual(poll(100, 50)[1], [true, 10]);
});
