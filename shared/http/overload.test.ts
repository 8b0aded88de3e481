// When a process counts as overloaded, by a clock and a timer of the test's own.

import assert from 'node:assert/strict';
import { EventEmitter } from 'node:events';
import type { ServerResponse } from 'node:http';
import { afterEach, beforeEach, mock, test } from 'node:test';
import { createMemoryLog } from '../../test/support/log.ts';
import { type OverloadLimits, openOverload } from './overload.ts';

beforeEach(() => mock.timers.enable({ apis: ['setInterval'] }));
afterEach(() => mock.timers.reset());

function openCase(limits: Partial<OverloadLimits> = {}, sharers = 1) {
  const log = createMemoryLog();
  let nowMs = 1_000;
  let part = 0;
  const overload = openOverload({
    limits: () => ({ delayMs: 500, openRequestsMax: null, ...limits }),
    memoryPart: () => part,
    sharers,
    now: () => nowMs,
    log,
  });
  return {
    log,
    overload,
    /** A request; what it is told, or null. */
    ask: () => overload.admit(new EventEmitter() as ServerResponse),
    /** A turn of the timer that comes so late. */
    tick(lateMs = 0) {
      nowMs += 100 + lateMs;
      mock.timers.tick(100);
    },
    holdMemory(next: number) {
      part = next;
    },
  };
}

test('one pause, however long, is no overload', () => {
  const { ask, tick } = openCase();
  assert.equal(ask(), null);
  tick(5_000);
  assert.equal(ask(), null);
  tick();
  tick(5_000);
  assert.equal(ask(), null);
});

test('two late turns in a row are, until one is clearly in time', () => {
  const { ask, tick } = openCase();
  ask();
  tick(501);
  tick(501);
  assert.equal(ask()?.code, 'overloaded');
  tick(300);
  assert.equal(ask()?.code, 'overloaded');
  tick(250);
  assert.equal(ask(), null);
  tick(500);
  tick(500);
  assert.equal(ask(), null);
});

test('with nothing open, nothing is refused: it is not requests that take the time', () => {
  const { ask, tick } = openCase();
  tick(501);
  tick(501);
  assert.equal(ask(), null);
  assert.equal(ask()?.code, 'overloaded');
});

test('requests that are told to come again do not all come at one time', () => {
  const { ask } = openCase({ openRequestsMax: 1 });
  ask();
  const seconds = new Set(Array.from({ length: 200 }, () => ask()?.retryAfterSeconds));
  assert.deepEqual([...seconds].toSorted(), [1, 2, 3, 4]);
});

test('memory that is nearly gone is one, and is over when there is some again', () => {
  const { ask, tick, holdMemory } = openCase();
  ask();
  holdMemory(0.91);
  tick();
  assert.equal(ask()?.code, 'overloaded');
  holdMemory(0.9);
  tick();
  assert.equal(ask(), null);
});

test('the log has it once in ten seconds, with how many; whoever looks is told why', () => {
  const { ask, tick, log, overload } = openCase({ openRequestsMax: 1 });
  ask();
  assert.equal(overload.trouble(), null);
  ask();
  ask();
  tick();
  assert.match(overload.trouble() ?? '', /limits\.open_requests_max.*1 are open/);
  ask();
  for (let turn = 0; turn < 100; turn += 1) tick();
  assert.deepEqual(
    log.lines.map(({ fields }) => fields['refused']),
    [2, 1],
  );
  tick();
  assert.equal(overload.trouble(), null);
});

test('an answer that is over, however it ended, makes room', () => {
  const { overload } = openCase({ openRequestsMax: 1 });
  const first = new EventEmitter() as ServerResponse;
  assert.equal(overload.admit(first), null);
  assert.equal(overload.admit(new EventEmitter() as ServerResponse)?.code, 'overloaded');
  first.emit('close');
  assert.equal(overload.admit(new EventEmitter() as ServerResponse), null);
});

test('of memory that several processes share, each has its part', () => {
  const { ask, tick, holdMemory } = openCase({}, 4);
  assert.equal(ask(), null);
  holdMemory(0.22);
  tick();
  assert.equal(ask(), null);
  holdMemory(0.23);
  tick();
  assert.equal(ask()?.code, 'overloaded');
});
