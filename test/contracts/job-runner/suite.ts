// The contract of the JobRunner port, for every adapter. Ticks are real and short; the tests wait for
// runs, never for time.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AppError } from '#shared/errors/app-error.ts';
import type { Job, JobRunner } from '#shared/ports/job-runner.ts';
import { startChild } from '../../support/child.ts';
import { assertAllRefused } from '../../support/closed.ts';
import { createInbox } from '../../support/inbox.ts';
import type { Instance } from '../../support/instance.ts';
import { HANGING_JOB } from './hanging-job.ts';

export interface JobRunnerHarness {
  readonly name: string;
  open(): Promise<Instance<JobRunner>>;
  readonly capabilities: {
    /** Does a job run once per tick over all instances, or once in each? */
    readonly acrossInstances: boolean;
  };
}

const TICK_SECONDS = 0.02;
const NEVER_SECONDS = 3600;

export function jobRunnerContract(harness: JobRunnerHarness): void {
  describe(`JobRunner contract: ${harness.name}`, { timeout: 60_000 }, () => {
    describe('behaviour', () => {
      tickBehaviour(harness);
      runNowBehaviour(harness);
      stateBehaviour(harness);
    });
    describe('duplicates and order', () => {
      duplicates(harness);
      rescheduling(harness);
    });
    describe('refusal and closed', () => refusal(harness));
    describe('real contention', () => contention(harness));
    describe('survival', () => survival(harness));
  });
}

function tickBehaviour({ open }: JobRunnerHarness): void {
  it('runs a job at every tick', async () => {
    await using jobs = await open();
    const runs = createInbox<string>();
    await jobs.port.schedule(job('tick', async () => runs.put('tick')));
    await runs.has(3);
  });

  it('skips the ticks that come while the job runs', async () => {
    await using jobs = await open();
    const ticks = createInbox<string>();
    const release = Promise.withResolvers<void>();
    let slowRuns = 0;
    const slow = async () => {
      slowRuns += 1;
      await release.promise;
    };
    await jobs.port.schedule(job('slow', slow));
    await jobs.port.schedule(job('fast', async () => ticks.put('fast')));
    await ticks.has(10);
    assert.equal(slowRuns, 1);
    release.resolve();
  });

  it('runs a job that failed again at its next tick', async () => {
    await using jobs = await open();
    const runs = createInbox<string>();
    const failing = async () => {
      runs.put('failing');
      throw new Error('the ledger is away');
    };
    await jobs.port.schedule(job('failing', failing));
    await runs.has(3);
  });
}

function runNowBehaviour({ open }: JobRunnerHarness): void {
  it('runs a job now and answers when it is done', async () => {
    await using jobs = await open();
    let runs = 0;
    const run = async () => {
      await new Promise((resolve) => setImmediate(resolve));
      runs += 1;
    };
    await jobs.port.schedule({ name: 'rare', everySeconds: NEVER_SECONDS, run });
    await jobs.port.runNow('rare');
    assert.equal(runs, 1);
  });

  it('joins the run that is under way', async () => {
    await using jobs = await open();
    const started = createInbox<string>();
    const release = Promise.withResolvers<void>();
    const run = async () => {
      started.put('run');
      await release.promise;
    };
    await jobs.port.schedule({ name: 'rare', everySeconds: NEVER_SECONDS, run });
    const first = jobs.port.runNow('rare');
    await started.has(1);
    const second = jobs.port.runNow('rare');
    release.resolve();
    await Promise.all([first, second]);
    assert.equal(started.items.length, 1);
  });

  it('rejects when the run fails, with what the run said', async () => {
    await using jobs = await open();
    const run = async () => {
      throw new Error('the ledger is away');
    };
    await jobs.port.schedule({ name: 'failing', everySeconds: NEVER_SECONDS, run });
    await assert.rejects(jobs.port.runNow('failing'), /the ledger is away/);
  });

  it('rejects for a job that nobody scheduled', async () => {
    await using jobs = await open();
    await assert.rejects(jobs.port.runNow('unknown'), (error) => {
      assert(error instanceof AppError && error.code === 'not_found');
      assert.match(error.message, /no job "unknown"/);
      return true;
    });
  });
}

function stateBehaviour({ open }: JobRunnerHarness): void {
  it('opens fresh and isolated', async () => {
    await using one = await open();
    await using other = await open();
    await one.port.schedule(job('tick', async () => {}));
    assert.deepEqual(await other.port.states(), []);
  });

  it('tells what a job is doing, did last and why it failed', async () => {
    await using jobs = await open();
    const started = createInbox<string>();
    const release = Promise.withResolvers<void>();
    let isAway = true;
    const run = async () => {
      started.put('run');
      await release.promise;
      if (isAway) throw new AppError('unavailable', 'try later', { detail: 'ledger: refused' });
    };
    await jobs.port.schedule({ name: 'rare', everySeconds: NEVER_SECONDS, run });
    const state = async () => (await jobs.port.states())[0];
    const never = { name: 'rare', lastRunMs: null, lastDurationMs: null, lastError: null };
    assert.deepEqual(await state(), { ...never, running: false });
    const failing = jobs.port.runNow('rare');
    const refused = assert.rejects(failing);
    await started.has(1);
    assert.equal((await state())?.running, true);
    release.resolve();
    await refused;
    const failed = await state();
    assert.equal(failed?.running, false);
    assert.match(failed?.lastError ?? '', /ledger: refused/);
    assert.equal(typeof failed?.lastRunMs, 'number');
    assert((failed?.lastDurationMs ?? -1) >= 0);
    isAway = false;
    await jobs.port.runNow('rare');
    assert.equal((await state())?.lastError, null);
  });
}

function duplicates({ open }: JobRunnerHarness): void {
  it('keeps one job per name: scheduled again, the new one takes its place', async () => {
    await using jobs = await open();
    const runs = createInbox<string>();
    await jobs.port.schedule(job('same', async () => runs.put('old')));
    await runs.has(1);
    await jobs.port.schedule(job('same', async () => runs.put('new')));
    const before = runs.items.length;
    await runs.has(before + 3);
    assert(runs.items.slice(before + 1).every((which) => which === 'new'));
    assert.equal((await jobs.port.states()).length, 1);
  });
}

function rescheduling({ open }: JobRunnerHarness): void {
  it('ticks no more at the old pace once scheduled again at a slower one', async () => {
    await using jobs = await open();
    const runs = createInbox<string>();
    const ticks = createInbox<string>();
    const run = async () => runs.put('run');
    await jobs.port.schedule(job('slower', run));
    await runs.has(1);
    await jobs.port.schedule({ name: 'slower', everySeconds: NEVER_SECONDS, run });
    const before = runs.items.length;
    await jobs.port.schedule(job('other', async () => ticks.put('tick')));
    await ticks.has(5);
    // One run may have been under way.
    assert(runs.items.length <= before + 1, `it ran ${runs.items.length - before} times more`);
  });
}

function refusal({ open }: JobRunnerHarness): void {
  it('aborts what runs when it is closed, waits for its end and runs nothing more', async () => {
    await using jobs = await open();
    const started = createInbox<string>();
    let ended = 0;
    const run = async (signal: AbortSignal) => {
      started.put('run');
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
      await new Promise((resolve) => setImmediate(resolve));
      ended += 1;
    };
    await jobs.port.schedule(job('long', run));
    await started.has(1);
    await jobs.port[Symbol.asyncDispose]();
    assert.equal(ended, 1);
    assert.equal(started.items.length, 1);
    await jobs.port[Symbol.asyncDispose]();
  });

  it('refuses every method once closed, in a sentence', async () => {
    await using jobs = await open();
    const { port } = jobs;
    await port[Symbol.asyncDispose]();
    await assertAllRefused({
      schedule: () => port.schedule(job('late', async () => {})),
      runNow: () => port.runNow('late'),
      states: () => port.states(),
    });
  });
}

function contention({ open, capabilities }: JobRunnerHarness): void {
  it('never runs a job twice at once, however many ask for it', async () => {
    await using jobs = await open();
    let inWork = 0;
    let atOnce = 0;
    const run = async () => {
      inWork += 1;
      atOnce = Math.max(atOnce, inWork);
      await new Promise((resolve) => setImmediate(resolve));
      inWork -= 1;
    };
    await jobs.port.schedule(job('wanted', run));
    await Promise.all(Array.from({ length: 50 }, () => jobs.port.runNow('wanted')));
    assert.equal(atOnce, 1);
  });

  if (capabilities.acrossInstances) {
    it('never runs a job twice at once over two instances', async () => {
      await using jobs = await open();
      const runs = createInbox<string>();
      let inWork = 0;
      let atOnce = 0;
      const run = async () => {
        inWork += 1;
        atOnce = Math.max(atOnce, inWork);
        await new Promise((resolve) => setImmediate(resolve));
        inWork -= 1;
        runs.put('run');
      };
      for (const port of [jobs.port, await jobs.another()]) await port.schedule(job('both', run));
      await runs.has(10);
      assert.equal(atOnce, 1);
    });
  } else {
    it('runs a job in each of two instances', async () => {
      await using jobs = await open();
      const runs = [createInbox<string>(), createInbox<string>()] as const;
      const other = await jobs.another();
      await jobs.port.schedule(job('both', async () => runs[0].put('run')));
      await other.schedule(job('both', async () => runs[1].put('run')));
      await Promise.all([runs[0].has(3), runs[1].has(3)]);
    });
  }
}

function survival({ open }: JobRunnerHarness): void {
  it('runs a job again that is scheduled again after a reopening', async () => {
    await using jobs = await open();
    const runs = createInbox<string>();
    await jobs.port.schedule(job('tick', async () => runs.put('before')));
    await runs.has(1);
    const port = await jobs.reopen();
    const before = runs.items.length;
    await port.schedule(job('tick', async () => runs.put('after')));
    await runs.has(before + 2);
    assert.deepEqual(new Set(runs.items.slice(before)), new Set(['after']));
  });

  it('runs a job whose process was killed in the middle of it', async () => {
    await using jobs = await open();
    const child = startChild(HANGING_JOB, jobs.opener);
    await child.printed(1);
    await child.kill();
    const runs = createInbox<string>();
    const port = await jobs.reopen();
    await port.schedule(job('hanging', async () => runs.put('run')));
    await runs.has(1);
  });
}

function job(name: string, run: Job['run']): Job {
  return { name, everySeconds: TICK_SECONDS, run };
}
