// The one connection of a store: it opens in the background, comes back by itself, and queues
// nothing while it is away (stack.md §4).

import { Redis } from 'ioredis';
import type { RedisAddress } from '../redis/redis-address.ts';
import { REDIS_SCRIPTS, type ScriptedRedis } from './redis-scripts.ts';

export interface RedisConnectionOptions {
  readonly address: RedisAddress;
  /** Milliseconds without a byte, while commands wait, after which a connection counts as dead. */
  readonly silenceMs: number;
  readonly onReady: () => void;
  /** Each time a connection, or an attempt to get one, ended. */
  readonly onClosed: (reason: string) => void;
}

export interface RedisConnection extends AsyncDisposable {
  readonly redis: ScriptedRedis;
  /** The first attempt to connect; null once it has ended, well or not. Commands wait for it. */
  attempt(): Promise<void> | null;
}

const RETRY_MS = 50;
const RETRY_MS_MAX = 500;
const GOODBYE_MS = 200;

export function openRedisConnection(options: RedisConnectionOptions): RedisConnection {
  const { address, silenceMs, onReady, onClosed } = options;
  const first = Promise.withResolvers<void>();
  let attempt: Promise<void> | null = first.promise;
  let reason = '';
  let closing = false;

  const redis = new Redis({
    ...address,
    scripts: REDIS_SCRIPTS,
    connectionName: 'tallygate',
    disableClientInfo: true,
    enableOfflineQueue: false,
    // Never sent twice by the client: whoever asked has been told that it failed.
    maxRetriesPerRequest: 0,
    autoResendUnfulfilledCommands: false,
    retryStrategy: (times) => Math.min(RETRY_MS * times, RETRY_MS_MAX),
    // A primary that became a replica: the address leads to the new one.
    reconnectOnError: (error) => error.message.includes('READONLY'),
    // A peer that vanished without a word would otherwise hold the connection for the kernel's
    // quarter of an hour. It also bounds the handshake.
    socketTimeout: silenceMs,
    connectTimeout: silenceMs,
    disconnectTimeout: GOODBYE_MS,
    maxLoadingRetryTime: RETRY_MS_MAX,
  }) as ScriptedRedis;

  function attempted(): void {
    attempt = null;
    first.resolve();
  }
  redis.on('error', (error: Error) => {
    reason = reasonOf(error);
  });
  redis.on('ready', () => {
    reason = '';
    attempted();
    onReady();
  });
  redis.on('close', () => {
    attempted();
    if (!closing) onClosed(reason === '' ? 'the connection was closed' : reason);
  });
  redis.on('end', attempted);

  return {
    redis,
    attempt: () => attempt,
    async [Symbol.asyncDispose]() {
      closing = true;
      const ended = new Promise((resolve) => redis.once('end', resolve));
      const isAlive = ['connecting', 'connect', 'ready'].includes(redis.status);
      redis.disconnect();
      if (isAlive) await ended;
    },
  };
}

/** The happy-eyeballs error of several addresses has no message of its own. */
function reasonOf(error: Error): string {
  if (error.message !== '') return error.message;
  return error instanceof AggregateError ? reasonOf(error.errors[0] as Error) : error.name;
}
