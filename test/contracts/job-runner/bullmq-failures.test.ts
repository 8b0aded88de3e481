// Redis dies, hangs, forgets, or is not there yet; a runner is killed: jobs go on, once per tick, and
// nobody waits for ever.

import assert from 'node:assert/strict';
import { afterEach, it } from 'node:test';
import { inspect } from 'node:util';
import { Redis } from 'ioredis';
import { type BullMqJobsOptions, openBullMqJobs } from '#shared/adapters/job-runner/bullmq.ts';
import { AppError } from '#shared/errors/app-error.ts';
import type { JobRunner } from '#shared/ports/job-runner.ts';
import { describeOnRedis, openerOf } from '../../support/bullmq-instance.ts';
import { startChild } from '../../support/child.ts';
import { createInbox, eventually } from '../../support/inbox.ts';
import { createMemoryLog } from '../../support/log.ts';
import { HANGING_JOB } from './hanging-job.ts';

const TICK_SECONDS = 0.05;
const NEVER_SECONDS = 3600;

describeOnRedis((redis) => {
  let opened: JobRunner[] = [];
  const open = async (options: BullMqJobsOptions) => {
    const jobs = await openBullMqJobs(options);
    opened.push(jobs);
    return jobs;
  };
  afterEach(async () => {
    for (const jobs of opened) await jobs[Symbol.asyncDispose]();
    opened = [];
  });

  it('goes on when Redis was killed and came back with nothing, one run at a time', async () => {
    const log = createMemoryLog();
    // Longer than the test: what brings the jobs back is the connection, not the refresh.
    const options = { ...redis.freshOptions(), log, refreshMs: 600_000 };
    const waiting = new Set<() => void>();
    const tick = async () => {
      for (const count of waiting) count();
    };
    const ended = createInbox<number>();
    const inWork = [0, 0];
    const atOnce = [0, 0];
    let life = 0;
    const slow = async (signal: AbortSignal) => {
      const mine = life;
      inWork[mine] = (inWork[mine] ?? 0) + 1;
      atOnce[mine] = Math.max(atOnce[mine] ?? 0, inWork[mine]);
      const stopped = new Promise((resolve) => signal.addEventListener('abort', resolve));
      await Promise.race([threeTicks(waiting), stopped]);
      inWork[mine] -= 1;
      ended.put(mine);
    };
    for (let nth = 0; nth < 2; nth += 1) {
      const jobs = await open(options);
      await jobs.schedule({ name: 'fast', everySeconds: TICK_SECONDS, run: tick });
      await jobs.schedule({ name: 'slow', everySeconds: TICK_SECONDS, run: slow });
    }
    await ended.has(3);
    await redis.server().kill();
    const outages = () => log.lines.filter(({ message }) => /cannot be reached/.test(message));
    await eventually(async () => (outages().length === 2 ? true : null));
    life = 1;
    await redis.server().start();
    await eventually(async () =>
      ended.items.filter((which) => which === 1).length > 2 ? true : null,
    );
    assert.deepEqual(atOnce, [1, 1]);
    assert.equal(outages().length, 2, 'each runner tells it once');
  });

  it('goes on when Redis lost its memory and nobody lost the connection', async () => {
    const options = { ...redis.freshOptions(), refreshMs: 50 };
    const runs = createInbox<string>();
    const jobs = await open(options);
    const run = async () => runs.put('run');
    await jobs.schedule({ name: 'tick', everySeconds: TICK_SECONDS, run });
    await runs.has(2);
    await flush(options.url);
    const before = runs.items.length;
    await runs.has(before + 3);
  });

  it('runs again what is asked for when Redis forgot what it ran, and counts anew', async () => {
    const options = redis.freshOptions();
    const jobs = await open(options);
    let runs = 0;
    const rare = {
      name: 'rare',
      everySeconds: NEVER_SECONDS,
      run: async () => {
        runs += 1;
      },
    };
    await jobs.schedule(rare);
    await jobs.runNow('rare');
    await flush(options.url);
    await jobs.schedule(rare);
    await jobs.runNow('rare');
    assert.equal(runs, 2);
  });

  it('tells a run to stop whose lock was lost with the memory of Redis', async () => {
    const options = redis.freshOptions();
    const jobs = await open(options);
    const began = createInbox<AbortSignal>();
    const run = async (signal: AbortSignal) => {
      began.put(signal);
      await new Promise((resolve) => signal.addEventListener('abort', resolve));
    };
    await jobs.schedule({ name: 'long', everySeconds: TICK_SECONDS, run });
    await began.has(1);
    await flush(options.url);
    await eventually(async () => began.items[0]?.aborted || null);
    assert.match(String(began.items[0]?.reason), /handed to another process/);
  });

  it('runs each tick once over three runners', async () => {
    const options = redis.freshOptions();
    const runs = createInbox<number>();
    const run = async () => runs.put(performance.now());
    for (let nth = 0; nth < 3; nth += 1) {
      await (await open(options)).schedule({ name: 'tick', everySeconds: 0.1, run });
    }
    await runs.has(12);
    // Eleven ticks lie between; three times as many runs would need a third of the time.
    const [first = 0] = runs.items;
    assert((runs.items[11] ?? 0) - first > 900, `${runs.items}`);
  });

  it('runs the job of a process that was killed in another one, soon', async () => {
    const options = redis.freshOptions();
    const child = startChild(HANGING_JOB, openerOf(options));
    await child.printed(1);
    const jobs = await open(options);
    const runs = createInbox<string>();
    const run = async () => runs.put('run');
    // No tick of its own comes: what runs is what the child left.
    await jobs.schedule({ name: 'hanging', everySeconds: NEVER_SECONDS, run });
    assert.equal((await jobs.states())[0]?.running, true);
    await child.kill();
    const startedMs = performance.now();
    await runs.has(1);
    assert(performance.now() - startedMs < 3000, 'it took too long');
    await eventually(async () => ((await jobs.states())[0]?.running === false ? true : null));
  });

  it('joins a run of another instance and is told how it ended', async () => {
    const options = redis.freshOptions();
    const [here, there] = [await open(options), await open(options)];
    const began = createInbox<string>();
    const release = Promise.withResolvers<void>();
    const run = async () => {
      began.put('run');
      await release.promise;
      throw new AppError('unavailable', 'try later', { detail: 'ledger: refused' });
    };
    await there.schedule({ name: 'rare', everySeconds: NEVER_SECONDS, run });
    const far = assert.rejects(there.runNow('rare'), /try later/);
    await began.has(1);
    await here.schedule({ name: 'rare', everySeconds: NEVER_SECONDS, run });
    const near = assert.rejects(here.runNow('rare'), /ledger: refused/);
    // On the same connection: the question of `runNow` is answered before this one.
    assert.equal((await here.states())[0]?.running, true);
    release.resolve();
    await Promise.all([far, near]);
    assert.equal(began.items.length, 1);
    const [state] = await here.states();
    assert.equal(state?.running, false);
    assert.equal(state?.lastError, 'ledger: refused');
  });

  it('opens and takes jobs while Redis is down, and begins when it is there', async () => {
    await redis.server().kill();
    const jobs = await open(redis.freshOptions());
    const runs = createInbox<string>();
    const run = async () => runs.put('run');
    await jobs.schedule({ name: 'tick', everySeconds: TICK_SECONDS, run });
    for (const call of [() => jobs.runNow('tick'), () => jobs.states()]) {
      await assert.rejects(call, (error) => {
        assert(error instanceof AppError && error.code === 'unavailable');
        return true;
      });
    }
    await redis.server().start();
    await runs.has(3);
    await jobs.runNow('tick');
  });

  it('takes the user and the password beside the URL instead of those in it', async () => {
    const options = redis.freshOptions();
    await allow(options.url, 'clerk', 'p+ss%w/rd@');
    const url = options.url.replace('//', '//nobody:s3cret@');
    const jobs = await open({ ...options, url, username: 'clerk', password: 'p+ss%w/rd@' });
    await jobs.schedule({ name: 'rare', everySeconds: NEVER_SECONDS, run: async () => {} });
    await jobs.runNow('rare');
  });

  it('refuses a URL that cannot be read, and shows nothing of it', async () => {
    const opening = open({ ...redis.freshOptions(), url: 'redis://clerk:s3cret@ho st' });
    await assert.rejects(opening, (error) => {
      assert(error instanceof AppError && error.code === 'invalid_request');
      assert.doesNotMatch(inspect(error), /s3cret/);
      return true;
    });
  });

  for (const [how, stop, mend] of [
    ['down', () => redis.server().kill(), () => redis.server().start()],
    [
      'frozen',
      async () => redis.server().signal('SIGSTOP'),
      async () => redis.server().signal('SIGCONT'),
    ],
  ] as const) {
    it(`closes within its deadline while Redis is ${how}, and aborts what runs`, async () => {
      const jobs = await open({ ...redis.freshOptions(), closeWithinMs: 300 });
      const began = createInbox<AbortSignal>();
      const hang = async (signal: AbortSignal) => {
        began.put(signal);
        await new Promise(() => {});
      };
      await jobs.schedule({ name: 'hanging', everySeconds: TICK_SECONDS, run: hang });
      await jobs.schedule({ name: 'idle', everySeconds: TICK_SECONDS, run: async () => {} });
      await began.has(1);
      await stop();
      try {
        const startedMs = performance.now();
        await jobs[Symbol.asyncDispose]();
        assert(performance.now() - startedMs < 1000, 'it took too long');
        assert.equal(began.items[0]?.aborted, true);
      } finally {
        await mend();
      }
    });
  }
});

function threeTicks(waiting: Set<() => void>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let left = 3;
  waiting.add(() => {
    left -= 1;
    if (left === 0) resolve();
  });
  return promise;
}

async function allow(url: string, username: string, password: string): Promise<void> {
  const redis = new Redis(url);
  await redis.acl('SETUSER', username, 'on', `>${password}`, '~*', '&*', '+@all');
  redis.disconnect();
}

async function flush(url: string): Promise<void> {
  const redis = new Redis(url);
  await redis.flushall();
  redis.disconnect();
}
