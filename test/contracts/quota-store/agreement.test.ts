// Memory and Redis are asked the same at the same instants and must give the same answers: the Lua
// scripts are held to the state machine that they mirror. A failure names its seed; run it alone
// with QUOTA_SEEDS=<seed>, more of them with QUOTA_SEEDS=1,2,3.

import assert from 'node:assert/strict';
import { after, describe, it } from 'node:test';
import { openMemoryQuotaStore } from '#shared/adapters/quota-store/memory.ts';
import type { QuotaStore } from '#shared/ports/quota-store.ts';
import { skipUnless } from '../../support/needed.ts';
import { wholeStore } from '../../support/quota.ts';
import { type RedisQuota, startRedisQuota } from '../../support/redis-quota.ts';
import { findRedis } from '../../support/servers/redis.ts';
import { type AskAll, createRandomSteps } from './random-steps.ts';

const found = findRedis();
const SEEDS = (process.env['QUOTA_SEEDS'] ?? '11,12,13,14,15,16,17,18').split(',').map(Number);
const STEPS = 800;
/** Two hours before a midnight that also starts a week and a month. */
const START = Date.UTC(2027, 0, 31, 22);

describe('QuotaStore: memory and Redis agree', { skip: skipUnless(found) }, () => {
  let redis: RedisQuota | undefined;
  after(() => redis?.[Symbol.asyncDispose]());

  for (const seed of SEEDS) {
    it(`on ${STEPS} random steps from seed ${seed}`, async (test) => {
      redis ??= await startRedisQuota(found.available ? found.program : '');
      const time = { nowMs: START };
      const clock = { now: () => time.nowMs };
      await using inMemory = await wholeStore(openMemoryQuotaStore({ clock }));
      await using inRedis = await redis.open({ clock });
      const calls = new Map<string, number>();
      const steps = createRandomSteps(seed, time, askBoth(seed, inMemory, inRedis, calls));
      for (let step = 1; step <= STEPS; step += 1) {
        await steps.step();
        if (step % 10 === 0) await steps.compareAll();
      }
      await steps.compareAtTheEnd();
      test.diagnostic([...calls].map(([answer, count]) => `${answer} ${count}`).join(', '));
    });
  }
});

/** `calls` counts what was answered: a seed that admits nobody would prove little. */
function askBoth(
  seed: number,
  inMemory: QuotaStore,
  inRedis: QuotaStore,
  calls: Map<string, number>,
): AskAll {
  let number = 0;
  return async (call, given, ask, promised = (answer) => answer) => {
    number += 1;
    const expected = await ask(inMemory);
    const answer = await ask(inRedis);
    const at = `seed ${seed}, call ${number}: ${call}(${JSON.stringify(given)})`;
    assert.deepEqual(promised(answer), promised(expected), at);
    const name = `${call}${outcomeOf(expected)}`;
    calls.set(name, (calls.get(name) ?? 0) + 1);
    return expected;
  };
}

function outcomeOf(answer: unknown): string {
  if (typeof answer === 'string') return ` ${answer}`;
  if (typeof answer === 'boolean') return ` ${answer}`;
  if (Array.isArray(answer)) return answer.length === 0 ? ' none' : ' some';
  const isAdmission = typeof answer === 'object' && answer !== null && 'outcome' in answer;
  return isAdmission
    ? ` ${answer.outcome}${'pool' in answer && answer.pool !== null ? ' by a pool' : ''}`
    : '';
}
