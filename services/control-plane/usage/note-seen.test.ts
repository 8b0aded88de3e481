import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Person } from '#shared/ports/admin-store.ts';
import { createMemoryLog } from '../../../test/support/log.ts';
import { usageEvent } from '../../../test/support/usage-event.ts';
import { createNoteSeen } from './note-seen.ts';

function directory() {
  const calls: Person[][] = [];
  let isAway = false;
  const log = createMemoryLog();
  const seen = async (people: readonly Person[]) => {
    if (isAway) throw new Error('away');
    calls.push([...people]);
  };
  const noteSeen = createNoteSeen({ admin: { seen }, log });
  return {
    calls,
    log,
    goAway: (away: boolean) => {
      isAway = away;
    },
    note: (...sightings: readonly (readonly [sub: string, timeMs: number, email?: string])[]) =>
      noteSeen(sightings.map(([sub, timeMs, email = 'a@b']) => usageEvent({ sub, timeMs, email }))),
    told: () => calls.map((people) => people.map(({ sub, lastSeenMs }) => [sub, lastSeenMs])),
  };
}

test('each person of a batch is written once, with the newest sighting', async () => {
  const { note, told } = directory();
  await note(['u1', 1000], ['u2', 3000], ['u1', 2000], ['u2', 1000]);
  assert.deepEqual(told(), [
    [
      ['u1', 2000],
      ['u2', 3000],
    ],
  ]);
});

test('somebody who goes on working is written again after ten seconds', async () => {
  const { note, told } = directory();
  await note(['u1', 1000]);
  await note(['u1', 10_999]);
  await note(['u1', 10_999], ['u2', 5000]);
  await note(['u1', 11_000]);
  assert.deepEqual(told(), [[['u1', 1000]], [['u2', 5000]], [['u1', 11_000]]]);
});

test('what changes about a person is written at once, what is older never', async () => {
  const { note, calls } = directory();
  await note(['u1', 1000, 'old@b']);
  await note(['u1', 1001, 'new@b']);
  await note(['u1', 999, 'older@b']);
  assert.deepEqual(
    calls.flat().map(({ email }) => email),
    ['old@b', 'new@b'],
  );
});

test('a sighting that could not be written is written with the next one', async () => {
  const { note, told, log, goAway } = directory();
  goAway(true);
  await note(['u1', 1000]);
  assert.deepEqual(
    log.lines.map(({ level }) => level),
    ['warn'],
  );
  goAway(false);
  await note(['u1', 1001]);
  assert.deepEqual(told(), [[['u1', 1001]]]);
});
