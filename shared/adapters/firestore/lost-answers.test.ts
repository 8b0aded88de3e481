// The client sends a commit again when the connection breaks, and cannot know whether the first one
// was done. Whoever takes, rotates or changes must still get the answer of what was done, once.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { DeviceGrant, GrantStore, RefreshFamily } from '#shared/ports/grant-store.ts';
import { NOON_MS } from '../../../test/support/clock.ts';
import {
  newPlace,
  onFirestoreEmulator,
  openDatabaseAt,
} from '../../../test/support/firestore-instance.ts';
import { type LossyProxy, openLossyProxy } from '../../../test/support/lossy-proxy.ts';
import { openAdminStore } from './admin-store.ts';
import { openGrantStore } from './grant-store.ts';

const LATER_MS = NOON_MS + 600_000;

const GRANT: DeviceGrant = {
  ...{ deviceCodeHash: 'hash', userCode: 'BCDFGHJK', status: 'pending', approval: 'sealed' },
  ...{ requestedFrom: '192.0.2.7', requestedAtMs: NOON_MS, expiresAtMs: LATER_MS },
  ...{ intervalSeconds: 5, polledAtMs: null },
};

const FAMILY: RefreshFamily = {
  ...{ id: 'family', sub: 'ada', generation: 1, sealed: 'sealed', leasedUntilMs: 0 },
  ...{ rotatedAtMs: NOON_MS, createdAtMs: NOON_MS, expiresAtMs: LATER_MS },
};

interface Change {
  /** Which answer of the call is the commit's. */
  readonly commit: number;
  readonly prepare?: (grants: GrantStore) => Promise<unknown>;
  readonly call: (grants: GrantStore) => Promise<unknown>;
  readonly answer: unknown;
}

const createGrant = (grants: GrantStore) => grants.createDeviceGrant(GRANT, NOON_MS);
const createFamily = (grants: GrantStore) => grants.createRefreshFamily(FAMILY);

const CHANGES: Readonly<Record<string, Change>> = {
  createDeviceGrant: { commit: 2, call: createGrant, answer: true },
  takeDeviceGrant: {
    commit: 2,
    prepare: createGrant,
    call: (grants) => grants.takeDeviceGrant('hash', NOON_MS),
    answer: GRANT,
  },
  pollDeviceGrant: {
    commit: 2,
    prepare: createGrant,
    call: (grants) => grants.pollDeviceGrant('hash', NOON_MS),
    answer: { grant: GRANT, slowDown: false },
  },
  createRefreshFamily: { commit: 1, call: createFamily, answer: undefined },
  rotateRefreshFamily: {
    commit: 2,
    prepare: createFamily,
    call: (grants) => grants.rotateRefreshFamily(1, { ...FAMILY, generation: 2 }),
    answer: true,
  },
  leaseRefreshFamily: {
    commit: 2,
    prepare: createFamily,
    call: (grants) => grants.leaseRefreshFamily('family', 1, NOON_MS + 1, NOON_MS),
    answer: true,
  },
  useOnce: { commit: 2, call: (grants) => grants.useOnce('x', LATER_MS, NOON_MS), answer: true },
  countHit: { commit: 2, call: (grants) => grants.countHit('x', 60, NOON_MS), answer: 1 },
};

await onFirestoreEmulator('Lost answers', ({ host }) => {
  for (const [method, { commit, prepare, call, answer }] of Object.entries(CHANGES)) {
    it(`${method} answers what was done when the answer of its commit is lost`, async () => {
      await using proxy = await openLossyProxy(host);
      await using database = openDatabaseAt(newPlace(proxy.host));
      const grants = openGrantStore(database);
      await prepare?.(grants);
      proxy.lose(commit);
      assert.deepEqual(await call(grants), answer);
      assertLost(proxy);
    });
  }

  it('upsertCap and deleteCap change once when the answer of their commit is lost', async () => {
    await using proxy = await openLossyProxy(host);
    await using database = openDatabaseAt(newPlace(proxy.host));
    const admin = openAdminStore(database);
    const by = { actor: 'admin-key:test', reason: null, atMs: NOON_MS };
    const scope = { type: 'organization' } as const;
    proxy.lose(2);
    const cap = { id: 'spl_1', scope, period: 'daily', model: null } as const;
    const change = () => ({ amount: '1', pooledBudget: null });
    const created = await admin.upsertCap({ ...cap, change }, by);
    assertLost(proxy);
    assert.equal(created.before, null);
    proxy.lose(2);
    assert.deepEqual(await admin.deleteCap('spl_1', by), created.after);
    assert.equal(proxy.lost, 2);
    const { rows } = await admin.audit(null, 10);
    assert.deepEqual(
      rows.map(({ action }) => action),
      ['delete', 'upsert'],
    );
  });

  it('raiseAlerts answers what is new when the answer of its commit is lost', async () => {
    await using proxy = await openLossyProxy(host);
    await using database = openDatabaseAt(newPlace(proxy.host));
    const admin = openAdminStore(database);
    const alert = { id: 'one', atMs: NOON_MS, body: '{}' };
    proxy.lose(2);
    assert.deepEqual(await admin.raiseAlerts([alert]), [alert]);
    assertLost(proxy);
  });
});

function assertLost(proxy: LossyProxy): void {
  assert.equal(proxy.lost, 1, 'an answer was lost');
}
