import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { Circuit } from './circuit.ts';

const START_MS = 1_000_000;

function open(circuit: Circuit, nowMs: number): void {
  for (let i = 0; i < 5; i += 1) circuit.failed(circuit.enter(nowMs), nowMs);
  assert.notEqual(circuit.trouble(), null);
}

describe('a circuit opens', () => {
  test('at the fifth failure, and lets nothing through for five seconds', () => {
    const circuit = new Circuit();
    const told = Array.from({ length: 5 }, () => circuit.failed(circuit.enter(START_MS), START_MS));
    assert.deepEqual(told, [null, null, null, null, 'opened']);
    assert.deepEqual(circuit.trouble(), { failures: 5, attempts: 5 });
    assert.equal(circuit.isFree(START_MS + 4_999), false);
    assert.equal(circuit.isFree(START_MS + 5_000), true);
  });

  test('where at least half of the last attempts failed', () => {
    for (const [works, opensAt] of [
      [5, 5],
      [7, 7],
      [10, 10],
    ] as const) {
      const circuit = new Circuit();
      for (let i = 0; i < works; i += 1) circuit.worked(circuit.enter(START_MS), START_MS);
      let failures = 0;
      for (; circuit.trouble() === null; failures += 1) {
        circuit.failed(circuit.enter(START_MS), START_MS);
      }
      assert.deepEqual([works, failures], [works, opensAt]);
    }
  });

  test('never while less than half of twenty fail', () => {
    const circuit = new Circuit();
    for (let i = 0; i < 300; i += 1) {
      const pass = circuit.enter(START_MS);
      if (i % 5 > 2) circuit.failed(pass, START_MS);
      else circuit.worked(pass, START_MS);
      assert.equal(circuit.trouble(), null, `attempt ${i}`);
    }
  });

  test('not for failures of more than thirty seconds', () => {
    const circuit = new Circuit();
    for (let i = 0; i < 50; i += 1) {
      const nowMs = START_MS + i * 7_500;
      circuit.failed(circuit.enter(nowMs), nowMs);
    }
    assert.equal(circuit.trouble(), null);
  });
});

describe('an open circuit', () => {
  test('lets one probe through at a time', () => {
    const circuit = new Circuit();
    open(circuit, START_MS);
    const nowMs = START_MS + 5_000;
    const probe = circuit.enter(nowMs);
    assert.equal(circuit.isFree(nowMs + 100_000), false);
    circuit.leave(probe);
    assert.equal(circuit.isFree(nowMs), true, 'the probe was given up');
  });

  test('closes with a probe that works, and forgets', () => {
    const circuit = new Circuit();
    open(circuit, START_MS);
    const nowMs = START_MS + 5_000;
    assert.equal(circuit.worked(circuit.enter(nowMs), nowMs), 'closed');
    for (let i = 0; i < 4; i += 1) circuit.failed(circuit.enter(nowMs), nowMs);
    assert.equal(circuit.trouble(), null);
    circuit.failed(circuit.enter(nowMs), nowMs);
    assert.equal(circuit.isFree(nowMs + 4_999), false);
    assert.equal(circuit.isFree(nowMs + 5_000), true, 'the wait begins small again');
  });

  test('waits twice as long after each probe that fails, up to a minute', () => {
    const circuit = new Circuit();
    open(circuit, START_MS);
    let nowMs = START_MS;
    for (const waitMs of [5_000, 10_000, 20_000, 40_000, 60_000, 60_000]) {
      assert.equal(circuit.isFree(nowMs + waitMs - 1), false, `${waitMs}`);
      nowMs += waitMs;
      assert.equal(circuit.isFree(nowMs), true, `${waitMs}`);
      circuit.failed(circuit.enter(nowMs), nowMs);
    }
  });

  test('is not moved by what was begun before it opened', () => {
    const circuit = new Circuit();
    const early = [circuit.enter(START_MS), circuit.enter(START_MS)] as const;
    open(circuit, START_MS);
    assert.equal(circuit.worked(early[0], START_MS + 5_000), null);
    assert.equal(circuit.failed(early[1], START_MS + 5_000), null);
    assert.notEqual(circuit.trouble(), null);
    assert.equal(circuit.isFree(START_MS + 5_000), true, 'no longer wait for a late failure');
  });

  test('is closed by an attempt that was forced and worked, and not lengthened by one that failed', () => {
    const circuit = new Circuit();
    open(circuit, START_MS);
    circuit.failed(circuit.enter(START_MS + 1), START_MS + 2);
    assert.equal(circuit.isFree(START_MS + 5_000), true);
    assert.equal(circuit.worked(circuit.enter(START_MS + 3), START_MS + 4), 'closed');
  });

  test('is not kept open by a clock that was set back', () => {
    const circuit = new Circuit();
    open(circuit, START_MS);
    assert.equal(circuit.isFree(START_MS - 3_600_000), true);
  });
});

describe('an upstream that asks for time', () => {
  test('gets it, a minute at most', () => {
    const circuit = new Circuit();
    circuit.pause(11_000, START_MS);
    assert.equal(circuit.isFree(START_MS + 10_999), false);
    assert.equal(circuit.isFree(START_MS + 11_000), true);
    assert.equal(circuit.trouble(), null, 'it is in no trouble');
    circuit.pause(86_400_000, START_MS);
    assert.equal(circuit.isFree(START_MS + 59_999), false);
    assert.equal(circuit.isFree(START_MS + 60_000), true);
  });
});
