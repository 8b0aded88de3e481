// The quota store on Redis: the state machine of shared/domain as Lua, one round trip a call
// (stack.md §4). Every key stands under one hash tag, and one primary is enough for thousands of
// requests a second.
//
// Redis may be away from the start, hang or lose all it knew: calls fail within the time-out, soon
// without waiting, and nothing has to be opened anew. A call that failed may have been carried out,
// or may be later; all of them are idempotent by id.

import type { Clock } from '#shared/domain/clock.ts';
import { type Correction, EMPTY_CAPS } from '#shared/domain/quota.ts';
import { AppError } from '#shared/errors/app-error.ts';
import type { QuotaStore } from '#shared/ports/quota-store.ts';
import type { Log } from '#shared/telemetry/log.ts';
import type { RedisAddressOptions } from '../redis/redis-address.ts';
import { createGate } from '../sql/gate.ts';
import { openRedisClient } from './redis-client.ts';
import * as records from './redis-records.ts';
import { redisKeys, type ScriptName } from './redis-scripts.ts';

export interface RedisQuotaStoreOptions extends RedisAddressOptions {
  /** The hash tag of all keys; stores with different ones never meet. Default `tallygate`. */
  readonly prefix?: string;
  /** What a call waits for Redis at most, milliseconds: 50 before a request, more behind it. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly log: Log;
}

/** What one script call may hold: Redis serves nobody else meanwhile. */
const BATCH = 100;
/** The table of caps is as long as the list of people, and read only when it changed. */
const CAPS_PATIENCE_MS = 1000;

/** Does not wait for Redis. @throws AppError `invalid_request` for an address that is none. */
export async function openRedisQuotaStore(options: RedisQuotaStoreOptions): Promise<QuotaStore> {
  const { prefix = 'tallygate', timeoutMs, clock } = options;
  if (!/^[^{}]+$/.test(prefix)) {
    throw new AppError('invalid_request', 'The prefix of Redis keys must be text without braces.');
  }
  const keys = redisKeys(prefix);
  const gate = createGate('the quota store');
  const client = openRedisClient(options);

  function run(script: ScriptName, args: readonly string[]): Promise<unknown> {
    return gate.enter(() => client.ask((redis) => redis[script](...keys.of[script], ...args)));
  }

  return {
    async admit(request) {
      const reply = await run('quotaAdmit', records.admitArgs(request));
      const admission = records.readAdmission(reply, request);
      if (admission === 'forgotten') throw forgotten();
      return admission;
    },

    async settle(request) {
      const answer = await run('quotaSettle', records.settleArgs(request));
      return answer === 'duplicate' ? answer : 'settled';
    },

    async release(id) {
      await run('quotaRelease', [id]);
    },

    async extend({ id, reserveUntilMs, amountMicroUsd, draft }) {
      const args = [id, String(reserveUntilMs), String(amountMicroUsd), draft];
      const answer = await run('quotaExtend', args);
      return answer === 'gone' ? answer : 'extended';
    },

    async apply(ids, uncounted = []) {
      for (const batch of batches(ids)) await run('quotaApply', [String(batch.length), ...batch]);
      for (const batch of batches(uncounted)) await run('quotaApply', ['0', ...batch]);
    },

    async outbox(settledBeforeMs, limit, skip = 0) {
      const reply = await run('quotaOutbox', [settledBeforeMs, limit, skip].map(String));
      return records.readPairs(reply, records.readEntry);
    },

    async expired(nowMs, limit) {
      const reply = await run('quotaExpired', [String(nowMs), String(limit)]);
      return records.readPairs(reply, records.readReservation);
    },

    async isRevoked(session) {
      const args = [String(clock.now()), ...records.sessionArgs(session)];
      const answer = await run('quotaIsRevoked', args);
      if (answer === 'forgotten') throw forgotten();
      return answer === 'revoked';
    },

    async revoke(revocation) {
      await run('quotaRevoke', records.revokeArgs(revocation));
    },

    async caps() {
      const patienceMs = Math.max(timeoutMs, CAPS_PATIENCE_MS);
      const table = await gate.enter(() =>
        client.ask((redis) => redis.hget(keys.one('caps'), 'table'), patienceMs),
      );
      return table === null ? EMPTY_CAPS : records.readCaps(table);
    },

    async publishCaps(table) {
      await run('quotaPublishCaps', [String(table.version), JSON.stringify(table)]);
    },

    async isWhole() {
      const found = await gate.enter(() => client.ask((redis) => redis.exists(keys.one('whole'))));
      return found === 1;
    },

    async markWhole() {
      await gate.enter(() => client.ask((redis) => redis.set(keys.one('whole'), '1')));
    },

    async spend(accounts, nowMs) {
      const spends = [];
      for (const batch of batches(accounts)) {
        const lines = await run('quotaSpend', records.spendArgs(batch, nowMs));
        for (const [place, line] of (lines as string[]).entries()) {
          const account = batch[place];
          if (account !== undefined) spends.push(...records.readSpend(account, line));
        }
      }
      return spends;
    },

    async correct(corrections, nowMs) {
      const left: Correction[] = [];
      for (const batch of batches(corrections)) {
        const places = await run('quotaCorrect', records.correctArgs(batch, nowMs));
        left.push(...batch.filter((_, place) => (places as number[]).includes(place)));
      }
      return left;
    },

    async [Symbol.asyncDispose]() {
      await gate.close();
      await client[Symbol.asyncDispose]();
    },
  };
}

function forgotten(): AppError {
  const message = 'The quota store cannot answer yet; send the request again in a moment.';
  const detail = 'Redis lost its memory and is being restored from the ledger';
  return new AppError('unavailable', message, { detail });
}

function batches<T>(items: readonly T[]): T[][] {
  const found: T[][] = [];
  for (let at = 0; at < items.length; at += BATCH) found.push(items.slice(at, at + BATCH));
  return found;
}
