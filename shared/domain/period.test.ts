import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { boundsAt, bucketsAt } from './period.ts';

const at = (text: string) => Temporal.Instant.from(text).epochMilliseconds;

describe('periods are UTC', () => {
  for (const [instant, daily, weekly, monthly] of [
    ['2026-11-24T12:00:00Z', '2026-11-24', '2026-W48', '2026-11'],
    ['2026-11-22T23:59:59.999Z', '2026-11-22', '2026-W47', '2026-11'],
    ['2026-11-23T00:00:00Z', '2026-11-23', '2026-W48', '2026-11'],
    ['2026-12-31T23:59:59.999Z', '2026-12-31', '2026-W53', '2026-12'],
    ['2027-01-01T00:00:00Z', '2027-01-01', '2026-W53', '2027-01'],
    ['2024-02-29T12:00:00Z', '2024-02-29', '2024-W09', '2024-02'],
  ] as const) {
    it(`${instant} is in ${daily}, ${weekly}, ${monthly}`, () => {
      assert.deepEqual(bucketsAt(at(instant)), { daily, weekly, monthly });
    });
  }

  for (const [period, start, end] of [
    ['daily', '2026-12-31T00:00:00Z', '2027-01-01T00:00:00Z'],
    ['weekly', '2026-12-28T00:00:00Z', '2027-01-04T00:00:00Z'],
    ['monthly', '2026-12-01T00:00:00Z', '2027-01-01T00:00:00Z'],
  ] as const) {
    it(`a ${period} period resets at ${end}`, () => {
      const bounds = boundsAt(period, at('2026-12-31T23:59:59.999Z'));
      assert.deepEqual(bounds, { startMs: at(start), endMs: at(end) });
      assert.equal(boundsAt(period, bounds.endMs).startMs, bounds.endMs);
    });
  }
});
