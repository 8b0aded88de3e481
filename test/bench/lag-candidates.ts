// The ways that usage takes: everything in this process, and the real servers.

import { openMemoryQuotaStore } from '#shared/adapters/quota-store/memory.ts';
import { openRedisQuotaStore } from '#shared/adapters/quota-store/redis.ts';
import { openSqliteDatabase } from '#shared/adapters/sql/sqlite-database.ts';
import { openEmbeddedBus } from '#shared/adapters/usage-bus/embedded.ts';
import { openPubSubBus } from '#shared/adapters/usage-bus/pubsub.ts';
import { systemClock } from '#shared/domain/clock.ts';
import type { AdminStore } from '#shared/ports/admin-store.ts';
import type { Ledger } from '#shared/ports/ledger.ts';
import type { QuotaStore } from '#shared/ports/quota-store.ts';
import type { UsageBus } from '#shared/ports/usage-bus.ts';
import { createMemoryLog } from '../support/log.ts';
import type { Found } from '../support/needed.ts';
import { wholeStore } from '../support/quota.ts';
import { findPubSubEmulator, startPubSubEmulator } from '../support/servers/google-emulators.ts';
import { findRedis, startRedis } from '../support/servers/redis.ts';
import { temporaryDatabase } from '../support/sqlite-instance.ts';
import { FIRESTORE, type LedgerCandidate, POSTGRES, SQLITE } from './ledger-candidates.ts';

// The library looks for Google's metadata server otherwise, and the first call waits for it.
process.env['METADATA_SERVER_DETECTION'] = 'none';

export interface LagParts {
  readonly quota: QuotaStore;
  readonly bus: UsageBus;
  readonly ledger: Ledger;
  readonly admin: AdminStore;
}

export interface LagCandidate {
  readonly name: string;
  readonly found: Found;
  open(opened: AsyncDisposableStack): Promise<LagParts>;
}

const clock = systemClock;
const redis = findRedis();
const pubsub = findPubSubEmulator();

const embedded: LagCandidate = {
  name: 'embedded',
  found: { available: true },
  async open(opened) {
    const books = await SQLITE.open(opened);
    const file = opened.use(temporaryDatabase());
    const database = opened.use(await openSqliteDatabase(file.path));
    const log = createMemoryLog();
    return {
      ...books,
      quota: opened.use(await wholeStore(openMemoryQuotaStore({ clock }))),
      bus: opened.use(await openEmbeddedBus({ database, clock, log, attemptsMax: 10 })),
    };
  },
};

function onServers(books: LedgerCandidate): LagCandidate {
  return {
    name: `Redis, Pub/Sub, ${books.name}`,
    found: [redis, pubsub, books.found].find(({ available }) => !available) ?? redis,
    async open(opened) {
      if (!redis.available || !pubsub.available) throw new Error('it needs its servers');
      const log = createMemoryLog();
      const [server, emulator] = await Promise.all([
        startRedis(redis.program),
        startPubSubEmulator(pubsub.program),
      ]);
      opened.use(server);
      opened.use(emulator);
      const quota = await openRedisQuotaStore({
        ...{ url: server.url, prefix: 'bench', timeoutMs: 1000 },
        clock,
        log,
      });
      const bus = await openPubSubBus({
        ...{ projectId: 'tallygate-bench', prefix: 'bench', create: true, attemptsMax: 10 },
        emulatorHost: emulator.host,
        clock,
        log,
      });
      return {
        ...(await books.open(opened)),
        quota: opened.use(await wholeStore(quota)),
        bus: opened.use(bus),
      };
    },
  };
}

export const LAG_CANDIDATES: readonly LagCandidate[] = [
  embedded,
  onServers(POSTGRES),
  onServers(FIRESTORE),
];
