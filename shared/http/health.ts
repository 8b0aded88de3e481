// GET /healthz: the process runs. GET /readyz: it can serve; answers within a second, says what is
// wrong and since when. A fault that does not stop requests is told without a 503.

import type { Clock } from '#shared/domain/clock.ts';
import { isoTime } from '#shared/domain/clock.ts';
import { AppError } from '#shared/errors/app-error.ts';
import { sendText } from './answer.ts';
import type { Route } from './route.ts';

export interface HealthCheck {
  readonly name: string;
  /** `serving`: without it requests fail, so the answer is 503. `degraded`: told, still 200. */
  readonly weight: 'serving' | 'degraded';
  /** How long a `serving` one may fail before the answer is 503; default 0. */
  readonly graceMs?: number;
  /** Resolves to null when all is well, else to a sentence for the operator. */
  readonly check: () => Promise<string | null>;
}

export interface HealthDeps {
  readonly checks: readonly HealthCheck[];
  readonly clock: Clock;
}

interface Trouble {
  readonly name: string;
  readonly weight: HealthCheck['weight'];
  readonly sentence: string;
  readonly sinceMs: number;
}

type Weight = HealthCheck['weight'];

const CHECK_MS = 800;

export function createHealthRoutes(deps: HealthDeps): Route[] {
  const since = new Map<string, number>();

  async function look(one: HealthCheck): Promise<Trouble | null> {
    const sentence = await withDeadline(one);
    if (sentence === null) {
      since.delete(one.name);
      return null;
    }
    const sinceMs = since.get(one.name) ?? deps.clock.now();
    since.set(one.name, sinceMs);
    const isForgiven = deps.clock.now() - sinceMs < (one.graceMs ?? 0);
    const weight: Weight = isForgiven ? 'degraded' : one.weight;
    return { name: one.name, weight, sentence, sinceMs };
  }

  return [
    {
      path: '/healthz',
      methods: ['GET', 'HEAD'],
      access: 'public',
      handle: ({ res }) => {
        sendText(res, 200, 'ok');
      },
    },
    {
      path: '/readyz',
      methods: ['GET', 'HEAD'],
      access: 'public',
      handle: async ({ res }) => {
        const found = (await Promise.all(deps.checks.map(look))).filter((one) => one !== null);
        const serves = found.every(({ weight }) => weight !== 'serving');
        const lines = found.map(
          ({ name, sentence, sinceMs }) => `${name}: ${sentence} (since ${isoTime(sinceMs)})`,
        );
        const text = [serves ? 'ready' : 'not ready', ...lines].join('\n');
        sendText(res, serves ? 200 : 503, text, { 'cache-control': 'no-store' });
      },
    },
  ];
}

async function withDeadline({ check }: HealthCheck): Promise<string | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<string>((resolve) => {
    timer = setTimeout(resolve, CHECK_MS, `did not answer within ${CHECK_MS} ms`);
  });
  try {
    return await Promise.race([check(), late]);
  } catch (caught) {
    return AppError.from(caught).message;
  } finally {
    clearTimeout(timer);
  }
}
