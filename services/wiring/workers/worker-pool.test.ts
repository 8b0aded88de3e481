// The pool over workers that are none: what it does when they end, fail to start or hang.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMemoryLog } from '../../../test/support/log.ts';
import { openWorkerPool, type WorkerEnd, type WorkerProcess } from './worker-pool.ts';

interface FakeWorker extends WorkerProcess {
  readonly nth: number;
  readonly signals: string[];
  comeUp(): void;
  end(end?: Partial<WorkerEnd>): void;
}

function openFakes(count: number, isObedient = true) {
  const log = createMemoryLog();
  const workers: FakeWorker[] = [];
  const waiting: ((worker: FakeWorker) => void)[] = [];
  const launch = (nth: number): FakeWorker => {
    const up = Promise.withResolvers<void>();
    const ended = Promise.withResolvers<WorkerEnd>();
    const signals: string[] = [];
    const worker: FakeWorker = {
      ...{ nth, signals, pid: 100 + workers.length, up: up.promise, ended: ended.promise },
      comeUp: up.resolve,
      end: (end = {}) => ended.resolve({ code: null, signal: null, ...end }),
      signal(name) {
        signals.push(name);
        if (name === 'SIGKILL' || (name === 'SIGTERM' && isObedient)) worker.end({ code: 0 });
      },
    };
    workers.push(worker);
    waiting.shift()?.(worker);
    return worker;
  };
  const pool = openWorkerPool({ count, launch, endWithinMs: 20, firstPauseMs: 1, log });
  return {
    pool,
    log,
    workers,
    /** The next one that is launched. */
    next: () => new Promise<FakeWorker>((resolve) => waiting.push(resolve)),
    at: (nth: number) => workers[nth] as FakeWorker,
    async start() {
      const started = pool.start();
      this.at(0).comeUp();
      await new Promise(setImmediate);
      for (const worker of workers) worker.comeUp();
      assert.equal(await started, true);
    },
  };
}

test('the first comes alone: when it cannot start, none does', async () => {
  const { pool, workers, at } = openFakes(3);
  const started = pool.start();
  at(0).end({ code: 1 });
  assert.equal(await started, false);
  assert.equal(workers.length, 1);
});

test('one that ends is started again under its number, after pauses that grow', async () => {
  const fakes = openFakes(2);
  await fakes.start();
  let dying = fakes.at(1);
  for (let nth = 0; nth < 3; nth += 1) {
    const coming = fakes.next();
    dying.end({ signal: 'SIGKILL' });
    dying = await coming;
    assert.equal(dying.nth, 2);
  }
  const told = fakes.log.lines.filter(({ message }) => message.includes('ended by itself'));
  assert.deepEqual(
    told.map(({ fields }) => fields),
    [1, 2, 4].map((pause_ms) => ({ worker: 2, code: null, signal: 'SIGKILL', pause_ms })),
  );
  await fakes.pool.stop();
});

test('a restart: the successor is up before the old one is told to drain, one after the other', async () => {
  const fakes = openFakes(2);
  await fakes.start();
  const [first, second] = [fakes.at(0), fakes.at(1)];
  let coming = fakes.next();
  const restarted = fakes.pool.restartEach();
  const newFirst = await coming;
  assert.deepEqual([newFirst.nth, first.signals, second.signals], [1, [], []]);
  coming = fakes.next();
  newFirst.comeUp();
  const newSecond = await coming;
  assert.deepEqual([newSecond.nth, first.signals, second.signals], [2, ['SIGTERM'], []]);
  newSecond.comeUp();
  await restarted;
  assert.deepEqual(second.signals, ['SIGTERM']);
  assert.equal(fakes.workers.length, 4);
  await fakes.pool.stop();
});

test('a restart whose first successor cannot start changes nothing', async () => {
  const fakes = openFakes(2);
  await fakes.start();
  const coming = fakes.next();
  const restarted = fakes.pool.restartEach();
  (await coming).end({ code: 1 });
  await restarted;
  assert.deepEqual([fakes.at(0).signals, fakes.at(1).signals], [[], []]);
  assert.equal(fakes.workers.length, 3);
  await fakes.pool.stop();
});

test('one that dies while its successor comes up is not started a second time', async () => {
  const fakes = openFakes(1);
  await fakes.start();
  const coming = fakes.next();
  const restarted = fakes.pool.restartEach();
  const successor = await coming;
  fakes.at(0).end({ signal: 'SIGSEGV' });
  await new Promise((resolve) => setTimeout(resolve, 10));
  successor.comeUp();
  await restarted;
  assert.equal(fakes.workers.length, 2);
  await fakes.pool.stop();
});

test('SIGHUP goes to all; the end too, and who does not obey is killed', async () => {
  const fakes = openFakes(2, false);
  await fakes.start();
  fakes.pool.reload();
  await fakes.pool.stop();
  for (const { signals } of fakes.workers) {
    assert.deepEqual(signals, ['SIGHUP', 'SIGTERM', 'SIGKILL']);
  }
  assert.equal(fakes.workers.length, 2);
});
