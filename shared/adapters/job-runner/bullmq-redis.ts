// The job runner's own connection. It waits for Redis as long as it takes, as BullMQ demands; whoever
// must not wait asks through `answered`.

import { Redis } from 'ioredis';
import { AppError } from '#shared/errors/app-error.ts';
import type { Log } from '#shared/telemetry/log.ts';
import { type RedisAddressOptions, redisAddress } from '../redis/redis-address.ts';

export interface BullMqRedisOptions extends RedisAddressOptions {
  readonly log: Log;
}

const RECONNECT_AFTER_MS_MAX = 500;
const FIRST_TRY_MS = 2000;

/**
 * Resolves when Redis is there, or when the first attempt has failed: it goes on trying.
 * @throws AppError `invalid_request` when the URL cannot be read.
 */
export async function connectBullMqRedis(options: BullMqRedisOptions): Promise<Redis> {
  const redis = new Redis({
    ...redisAddress(options),
    maxRetriesPerRequest: null,
    retryStrategy: (nth) => Math.min(50 * nth, RECONNECT_AFTER_MS_MAX),
  });
  tellOutages(redis, options.log);
  const tried = new Promise((resolve) => redis.once('ready', resolve).once('close', resolve));
  await isOverWithin(tried, FIRST_TRY_MS);
  return redis;
}

/** @throws AppError `unavailable` when Redis does not answer in time, or with an error. */
export async function answered<T>(asking: Promise<T>, withinMs: number): Promise<T> {
  try {
    if (await isOverWithin(asking, withinMs)) return await asking;
  } catch (cause) {
    throw redisAway(cause);
  }
  throw redisAway(new Error(`no answer within ${withinMs} ms`));
}

/** Whether it resolved in time; rejects with it. What is late may still be done, unheard. */
export async function isOverWithin(work: Promise<unknown>, withinMs: number): Promise<boolean> {
  const { promise: late, resolve } = Promise.withResolvers<boolean>();
  const deadline = setTimeout(() => resolve(false), withinMs);
  const over = work.then(() => true);
  over.catch(() => {});
  return Promise.race([over, late]).finally(() => clearTimeout(deadline));
}

export function redisAway(cause?: unknown): AppError {
  const detail = cause instanceof Error ? { detail: cause.message } : {};
  return new AppError(
    'unavailable',
    'the Redis of the jobs does not answer; ask again in a moment',
    {
      ...detail,
      cause,
    },
  );
}

/** One line per outage, although every queue and worker has its errors. */
function tellOutages(redis: Redis, log: Log): void {
  let isAway = false;
  redis.on('error', (err: Error) => {
    if (isAway) return;
    isAway = true;
    log.warn('the Redis of the jobs cannot be reached; no job runs until it is back', { err });
  });
  redis.on('ready', () => {
    if (isAway) log.info('the Redis of the jobs is back');
    isAway = false;
  });
}
