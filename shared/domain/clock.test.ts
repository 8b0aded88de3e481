import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isoTime } from './clock.ts';

test('an instant is written as Date writes it, whatever was written before', () => {
  const anyInstant = fc.double({ min: -8.64e15, max: 8.64e15, noNaN: true });
  const nearNow = fc.integer({ min: 1_763_985_600_000, max: 1_763_985_603_000 });
  fc.assert(
    fc.property(fc.oneof(anyInstant, nearNow, fc.integer({ min: -3000, max: 3000 })), (atMs) => {
      assert.equal(isoTime(atMs), new Date(atMs).toISOString());
    }),
    { numRuns: 2000 },
  );
});

test('what is no instant is refused, and the next one is right', () => {
  const now = 1_763_985_600_001;
  for (const atMs of [Number.NaN, Number.POSITIVE_INFINITY, 8.64e15 + 1000]) {
    assert.throws(() => isoTime(atMs), RangeError);
    assert.equal(isoTime(now), '2025-11-24T12:00:00.001Z');
  }
});
