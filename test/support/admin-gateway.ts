// The admin API and the usage report over real HTTP, on a database (SQLite unless another is named) and
// the quota store in process.

import { openMemoryQuotaStore } from '#shared/adapters/quota-store/memory.ts';
import type { Revocation } from '#shared/domain/quota.ts';
import { AppError } from '#shared/errors/app-error.ts';
import { createHttpApp } from '#shared/http/app.ts';
import { createAddressList } from '#shared/http/client-ip.ts';
import { openHttpServer } from '#shared/http/server.ts';
import {
  createSessionMinter,
  createSessionVerifier,
  SESSION_AUDIENCE,
} from '#shared/identity/session-token.ts';
import { sessionKeysFromSecrets } from '#shared/identity/signing-keys.ts';
import type { QuotaStore } from '#shared/ports/quota-store.ts';
import type { AdminSettings } from '../../services/control-plane/admin/authentication.ts';
import { createAdminRoutes } from '../../services/control-plane/admin/routes.ts';
import { createUsageReportRoute } from '../../services/data-plane/usage-report.ts';
import { type AdminDatabase, onSqlite } from './admin-database.ts';
import { createTestClock, type TestClock } from './clock.ts';
import { createMemoryLog } from './log.ts';
import { wholeStore } from './quota.ts';

export const READ_KEY = 'r'.repeat(36);
export const WRITE_KEY = 'w'.repeat(36);

export const ADMIN_SETTINGS: AdminSettings = {
  readKeys: [{ id: 'r', key: READ_KEY }],
  writeKeys: [{ id: 'w', key: WRITE_KEY }],
  adminGroups: ['admins'],
  groupLimitMode: 'min',
};

type Breakable = 'publishCaps' | 'spend';

export interface AdminGateway extends AsyncDisposable, AdminDatabase {
  readonly origin: string;
  /** What the routes are given, minus what `breakQuota` broke. */
  readonly quota: QuotaStore;
  readonly clock: TestClock;
  readonly log: ReturnType<typeof createMemoryLog>;
  /** What the next request finds configured. */
  readonly settings: { current: AdminSettings | null };
  token(groups: readonly string[], sub: string): Promise<string>;
  /** From now on the method fails as a store that is away does. */
  breakQuota(method: Breakable): void;
  /** Settings and quota store as at the start. */
  reset(): void;
}

export async function openAdminGateway(openDatabase = onSqlite): Promise<AdminGateway> {
  await using cleanup = new AsyncDisposableStack();
  const database = await openDatabase(cleanup);
  const clock = createTestClock();
  const log = createMemoryLog();
  const quota = cleanup.use(await wholeStore(openMemoryQuotaStore({ clock })));
  const broken = new Set<Breakable>();
  const failing = failingQuota(quota, broken);
  const settings: AdminGateway['settings'] = { current: ADMIN_SETTINGS };

  const issuer = 'https://gateway.example';
  const keys = sessionKeysFromSecrets(['a secret of the tests that is long enough']);
  const audience = SESSION_AUDIENCE;
  const minter = createSessionMinter({ key: keys.signing, audience, clock });
  const verifier = createSessionVerifier({ keys: keys.verification, issuer, audience, clock });
  const { verify } = verifier;
  const deps = { ...database, quota: failing, verify, clock, log };
  const revoke = async (revocation: Revocation) => {
    await database.grants.addRevocation(revocation);
    await quota.revoke(revocation);
  };
  const app = createHttpApp({
    routes: [
      ...createAdminRoutes({
        ...{ ...deps, revoke, sessionHours: 1 },
        settings: () => settings.current,
      }),
      createUsageReportRoute({ ...deps, admin: () => settings.current }),
    ],
    verify,
    isRevoked: (principal) => quota.isRevoked(principal),
    gates: {
      trustedProxies: createAddressList([]),
      allow: createAddressList([]),
      deny: createAddressList([]),
      requestBytesMax: 1_048_576,
      headerBytesMax: null,
      urlCharsMax: null,
    },
    tls: false,
    clock,
    log,
  });
  const server = await openHttpServer({
    listener: () => app,
    host: '127.0.0.1',
    port: 0,
    tls: null,
  });
  cleanup.defer(() => server.close(0));
  const owned = cleanup.move();
  return {
    origin: `http://127.0.0.1:${server.port}`,
    ...database,
    quota,
    clock,
    log,
    settings,
    token(groups, sub) {
      const person = { sub, email: `${sub}@example.com`, name: sub, groups };
      const session = { sessionId: `session-${sub}`, billingGroupTag: null };
      return minter.mint({ ...person, ...session }, issuer, 3600);
    },
    breakQuota: (method) => broken.add(method),
    reset() {
      broken.clear();
      settings.current = ADMIN_SETTINGS;
    },
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

function failingQuota(quota: QuotaStore, broken: ReadonlySet<Breakable>): QuotaStore {
  const away = async (): Promise<never> => {
    throw new AppError('unavailable', 'the quota store does not answer');
  };
  return {
    ...quota,
    publishCaps: (table) => (broken.has('publishCaps') ? away() : quota.publishCaps(table)),
    spend: (accounts, nowMs) => (broken.has('spend') ? away() : quota.spend(accounts, nowMs)),
  };
}
