// Instances of the BullMQ job runner: one Redis per test file, one prefix per instance. Locks are
// short, so that the death of a process is noticed soon.

import { after, before, describe } from 'node:test';
import { type BullMqJobsOptions, openBullMqJobs } from '#shared/adapters/job-runner/bullmq.ts';
import type { JobRunner } from '#shared/ports/job-runner.ts';
import { type Instance, instanceOf } from './instance.ts';
import { createMemoryLog } from './log.ts';
import { skipUnless } from './needed.ts';
import { findRedis, type RedisServer, startRedis } from './servers/redis.ts';

export interface TestRedis {
  readonly server: () => RedisServer;
  /** What tests open a runner with that nobody else knows of, unless they say otherwise. */
  freshOptions(): BullMqJobsOptions;
}

const LOCK_MS = 400;

/** Tests with a Redis of their own, or a skip that says why. */
export function describeOnRedis(define: (redis: TestRedis) => void): void {
  const found = findRedis();
  describe('on Redis', { skip: skipUnless(found) }, () => {
    let server: RedisServer | null = null;
    let prefixes = 0;
    before(async () => {
      server = await startRedis(found.available ? found.program : '');
    });
    after(async () => {
      await server?.[Symbol.asyncDispose]();
    });
    const running = () => {
      if (server === null) throw new Error('the server is started before the first test');
      return server;
    };
    define({
      server: running,
      freshOptions() {
        prefixes += 1;
        return optionsAt({ url: running().url, prefix: `test-${prefixes}` });
      },
    });
  });
}

export async function openBullMqInstance(redis: TestRedis): Promise<Instance<JobRunner>> {
  const options = redis.freshOptions();
  return instanceOf(openerOf(options), () => openBullMqJobs(options));
}

export function openerOf({ url, prefix }: BullMqJobsOptions): Instance<JobRunner>['opener'] {
  return {
    module: import.meta.url,
    export: 'openJobsAt',
    argument: JSON.stringify({ url, prefix }),
  };
}

/** For a child; `at` is what `openerOf` says. */
export function openJobsAt(at: string): Promise<JobRunner> {
  return openBullMqJobs(optionsAt(JSON.parse(at)));
}

function optionsAt({ url, prefix }: { url: string; prefix: string }): BullMqJobsOptions {
  return { url, prefix, lockMs: LOCK_MS, log: createMemoryLog() };
}
