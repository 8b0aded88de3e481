// What breaks, and when. Any number of our own processes may be down at once. Of the two copies of an
// unledgered event (outbox in Redis, message in Pub/Sub) only one may be destroyed until the system
// has healed: a second loss waits until everything answered before the first is in the ledger. A data
// plane that is killed before it published takes the second copy with it. So Redis keeps its memory
// until what was answered before such a death is in the ledger, and no plane is broken until a Redis
// without a memory has healed.

import { setTimeout as pause } from 'node:timers/promises';
import type { PlaneProcess } from '../support/plane-process.ts';
import type { Random } from '../support/random.ts';
import type { World } from './world.ts';

export interface Chaos {
  /** What happened, for the person who reads a failure. */
  readonly diary: readonly string[];
  /** A loss of Redis's memory was among it. */
  readonly redisWasLost: boolean;
  /** Ends the breaking and puts everything up again. */
  stop(): Promise<void>;
}

interface ChaosOptions {
  readonly world: World;
  readonly random: Random;
  /** Whether everything that was answered so far is in the ledger and the quota store is whole. */
  readonly isHealed: () => Promise<boolean>;
  /** Redis and Pub/Sub may lose what they hold. */
  readonly mayLose: boolean;
}

/** Then whoever waits for quiet says what is missing. */
const HEALED_WITHIN_MS = 30_000;
/** Redis is not lost this time when usage from before is still on its way after that. */
const HEALED_BEFORE_A_LOSS_MS = 500;

export function startChaos(options: ChaosOptions): Chaos {
  const { world, random, isHealed, mayLose } = options;
  const diary: string[] = [];
  const startedMs = performance.now();
  const note = (text: string) =>
    diary.push(`${String(Math.round(performance.now() - startedMs)).padStart(6)} ms ${text}`);
  const mending = new Set<Promise<void>>();
  let isStopped = false;
  let redisWasLost = false;
  let isUnhealed: 'redis' | 'pubsub' | null = null;
  let isUnpublished = false;

  /** Breaks something now, mends it after a while. */
  function breaking(what: string, mend: () => Promise<void>, afterMs: number): void {
    note(what);
    const mended = (async () => {
      const wokenEarly = Array.from({ length: Math.ceil(afterMs / 50) });
      for (const _tick of wokenEarly) if (!isStopped) await pause(50);
      await mend();
      note(`mended: ${what}`);
    })();
    mending.add(mended);
    void mended.finally(() => mending.delete(mended));
  }

  async function breakPlane(plane: PlaneProcess): Promise<void> {
    if (!plane.isUp || isUnhealed === 'redis') return;
    const how = random.pick(['kill -9', 'kill -9', 'freeze', 'restart'] as const);
    if (how === 'kill -9' && plane.plane === 'data') isUnpublished = true;
    const afterMs = random.between(50, 1_500);
    if (how === 'kill -9') {
      await plane.kill();
      breaking(`${how} ${plane.name}`, () => plane.start(), afterMs);
    } else if (how === 'freeze') {
      plane.signal('SIGSTOP');
      breaking(`${how} ${plane.name}`, async () => plane.signal('SIGCONT'), afterMs * 2);
    } else {
      note(`stop ${plane.name}`);
      await plane.stop();
      breaking(`stopped ${plane.name}`, () => plane.start(), 50);
    }
  }

  async function lose(which: 'redis' | 'pubsub'): Promise<void> {
    if (!mayLose || isUnhealed !== null) return;
    if (which === 'redis' && isUnpublished) {
      if (!(await isHealedWithin(HEALED_BEFORE_A_LOSS_MS))) return;
      isUnpublished = false;
    }
    isUnhealed = which;
    if (which === 'redis') redisWasLost = true;
    await world[which].kill();
    const back = async (): Promise<void> => {
      await world[which].start();
      if (!(await isHealedWithin(HEALED_WITHIN_MS))) return void note(`NOT HEALED: ${which}`);
      note(`healed: ${which}`);
      isUnhealed = null;
    };
    breaking(`${which} lost everything`, back, random.between(50, 1_000));
  }

  async function isHealedWithin(ms: number): Promise<boolean> {
    const giveUpAtMs = performance.now() + ms;
    while (!(await isHealed().catch(() => false))) {
      if (performance.now() > giveUpAtMs) return false;
      await pause(50);
    }
    return true;
  }

  async function breakLedger(): Promise<void> {
    const { ledger } = world;
    if (random.next() < 0.5) {
      await ledger.kill();
      breaking('kill -9 the ledger', () => ledger.start(), random.between(50, 800));
    } else {
      ledger.signal('SIGSTOP');
      const thaw = async () => ledger.signal('SIGCONT');
      breaking('freeze the ledger', thaw, random.between(100, 1_500));
    }
  }

  let ledgerBusy = false;
  async function breakSomething(): Promise<void> {
    const dice = random.next();
    if (dice < 0.35) return breakPlane(random.pick(world.dataPlanes));
    if (dice < 0.65) return breakPlane(random.pick(world.controlPlanes));
    if (dice < 0.75) return lose('redis');
    if (dice < 0.85) return lose('pubsub');
    if (ledgerBusy || mending.size > 4) return;
    ledgerBusy = true;
    await breakLedger();
    void Promise.allSettled([...mending]).then(() => {
      ledgerBusy = false;
    });
  }

  const running = (async () => {
    while (!isStopped) {
      await pause(random.between(80, 350));
      if (!isStopped) await breakSomething();
    }
  })();
  return {
    diary,
    get redisWasLost() {
      return redisWasLost;
    },
    async stop() {
      isStopped = true;
      await running;
      while (mending.size > 0) await Promise.all(mending);
      const planes = [...world.dataPlanes, ...world.controlPlanes];
      await Promise.all(planes.map((plane) => plane.start()));
    },
  };
}
