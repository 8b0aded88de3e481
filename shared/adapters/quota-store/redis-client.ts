// One command of Redis within a deadline, behind the breaker, its failures translated. A command
// costs one timer and one promise more than ioredis itself.

import type { Clock } from '#shared/domain/clock.ts';
import { AppError } from '#shared/errors/app-error.ts';
import type { Log } from '#shared/telemetry/log.ts';
import { type RedisAddressOptions, redisAddress } from '../redis/redis-address.ts';
import { answered, CLOSED, refused, takeTurn, timedOut } from './redis-breaker.ts';
import { openRedisConnection } from './redis-connection.ts';
import type { ScriptedRedis } from './redis-scripts.ts';

export interface RedisClientOptions extends RedisAddressOptions {
  /** What a call waits for Redis at most, milliseconds. */
  readonly timeoutMs: number;
  readonly clock: Clock;
  readonly log: Log;
}

export interface RedisClient extends AsyncDisposable {
  /**
   * @param patienceMs in place of the time-out, where an answer may be large
   * @throws AppError `unavailable`
   */
  ask<T>(send: (redis: ScriptedRedis) => Promise<T>, patienceMs?: number): Promise<T>;
}

const LATE = Symbol('no answer in time');
const SILENCE_MS_MIN = 2000;

export function openRedisClient(options: RedisClientOptions): RedisClient {
  const { timeoutMs, clock, log } = options;
  const address = redisAddress(options);
  const where = `${address.host}:${address.port}`;
  let breaker = CLOSED;
  /** Why and since when nobody can be asked; told once. */
  let lost: { readonly sinceMs: number; readonly reason: string } | null = null;

  function lose(reason: string): void {
    const isNews = lost === null;
    lost = { sinceMs: lost?.sinceMs ?? clock.now(), reason };
    if (isNews) log.warn('Redis is lost: the quota store cannot answer', { redis: where, reason });
  }

  function find(): void {
    breaker = answered(breaker);
    if (lost === null) return;
    log.info('Redis is back', { redis: where, lost_ms: clock.now() - lost.sinceMs });
    lost = null;
  }

  const connection = openRedisConnection({
    address,
    silenceMs: Math.max(SILENCE_MS_MIN, 2 * timeoutMs),
    onReady: find,
    onClosed: lose,
  });
  const { redis } = connection;

  function heard<T>(answer: T): T {
    if (lost === null) breaker = answered(breaker);
    else find();
    return answer;
  }

  let gathered: (() => void)[] = [];

  /** What is asked in one turn of the event loop is one write: each is a system call, and wakes Redis. */
  function gather(ask: () => void): void {
    if (gathered.push(ask) > 1) return;
    setImmediate(() => {
      const batch = gathered;
      gathered = [];
      const { stream } = redis;
      stream?.cork();
      for (const each of batch) each();
      stream?.uncork();
    });
  }

  function failed(caught: unknown, turn: 'call' | 'probe', patienceMs: number): AppError {
    if (caught === LATE) {
      breaker = timedOut(breaker, turn, clock.now());
      const reason = `no answer within ${patienceMs} ms`;
      if (breaker.phase === 'open') lose(reason);
      return unavailable(`Redis at ${where}: ${reason}`);
    }
    const error = withoutCommand(caught);
    if (error.name === 'ReplyError') {
      find();
      return unavailable(`Redis at ${where} refused a command: ${error.message}`, error);
    }
    breaker = refused(breaker, turn);
    return unavailable(
      `no connection to Redis at ${where}: ${lost?.reason ?? error.message}`,
      error,
    );
  }

  return {
    ask(send, patienceMs = timeoutMs) {
      const { turn, breaker: asked } = takeTurn(breaker, clock.now());
      breaker = asked;
      if (turn === 'skip') {
        const reason = lost?.reason ?? 'it was silent';
        return Promise.reject(unavailable(`Redis at ${where} is not asked: ${reason}`));
      }
      return new Promise((resolve, reject) => {
        const onFailure = (caught: unknown) => reject(failed(caught, turn, patienceMs));
        gather(() => {
          try {
            const attempt = connection.attempt();
            const work = attempt === null ? send(redis) : attempt.then(() => send(redis));
            within(work, patienceMs, { onAnswer: (answer) => resolve(heard(answer)), onFailure });
          } catch (caught) {
            // Thrown where nobody waits, it would end the process.
            onFailure(caught);
          }
        });
      });
    },
    [Symbol.asyncDispose]: () => connection[Symbol.asyncDispose](),
  };
}

/**
 * Fails with LATE. Not the client's own commandTimeout: after a stall of the event loop timers
 * come before sockets, and an answer that has long arrived would be thrown away. So the socket is
 * read once more before anybody is told.
 */
function within<T>(
  work: Promise<T>,
  deadlineMs: number,
  outcome: { onAnswer(answer: T): void; onFailure(caught: unknown): void },
): void {
  let isOver = false;
  const end = (): boolean => {
    const wasOver = isOver;
    isOver = true;
    clearTimeout(timer);
    return !wasOver;
  };
  const onFailure = (caught: unknown): void => {
    if (end()) outcome.onFailure(caught);
  };
  const timer = setTimeout(() => setImmediate(onFailure, LATE), deadlineMs);
  work.then((answer) => {
    if (end()) outcome.onAnswer(answer);
  }, onFailure);
}

/** ioredis hangs the command on the error, arguments and all: a password in a handshake's. */
function withoutCommand(caught: unknown): Error {
  const error = caught instanceof Error ? caught : new Error(String(caught));
  if ('command' in error) delete error.command;
  return error;
}

function unavailable(detail: string, cause?: unknown): AppError {
  const message = 'The quota store cannot be reached; send the request again in a moment.';
  return new AppError('unavailable', message, { detail, cause });
}
