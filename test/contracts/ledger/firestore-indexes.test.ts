// The emulator answers any query; Firestore only those that have their index. So the queries and
// the documents are held against infra/firestore/firestore.indexes.json here.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { openFirestoreAdminStore } from '#shared/adapters/admin-store/firestore.ts';
import { FIELDS, QUERIES, type QueryShape } from '#shared/adapters/firestore/queries.ts';
import { openFirestoreGrantStore } from '#shared/adapters/grant-store/firestore.ts';
import { openFirestoreLedger } from '#shared/adapters/ledger/firestore.ts';
import { parseSource, ROOT, readSources } from '../../architecture/source-tree.ts';
import { NOON_MS } from '../../support/clock.ts';
import { newPlace, onFirestoreEmulator, openDatabaseAt } from '../../support/firestore-instance.ts';
import { usageEvent } from '../../support/usage-event.ts';
import { correctionOf } from './reading.ts';

interface IndexFile {
  readonly indexes: readonly {
    readonly collectionGroup: string;
    readonly queryScope: string;
    readonly fields: readonly { readonly fieldPath: string; readonly order: string }[];
  }[];
  readonly fieldOverrides: readonly {
    readonly collectionGroup: string;
    readonly fieldPath: string;
    readonly ttl?: boolean;
    readonly indexes: readonly { readonly order: string; readonly queryScope: string }[];
  }[];
}

const file: IndexFile = JSON.parse(
  readFileSync(join(ROOT, 'infra/firestore/firestore.indexes.json'), 'utf8'),
);
const queries: readonly QueryShape[] = Object.values(QUERIES);
const orderOf = ({ descending }: QueryShape) => (descending ? 'DESCENDING' : 'ASCENDING');

/** `collection: field order, field order`, as many fields as the query searches and sorts by. */
function neededBy(query: QueryShape): string {
  const equal = query.equal.map((field) => `${field} ASCENDING`);
  const ordered = query.ordered === null ? [] : [`${query.ordered} ${orderOf(query)}`];
  return `${query.collection}: ${[...equal, ...ordered].join(', ')}`;
}

describe('Firestore indexes', () => {
  it('has exactly the indexes that the queries need', () => {
    const composite = file.indexes.map(({ collectionGroup, fields }) => {
      const ordered = fields.map(({ fieldPath, order }) => `${fieldPath} ${order}`);
      return `${collectionGroup}: ${ordered.join(', ')}`;
    });
    const single = file.fieldOverrides.flatMap(({ collectionGroup, fieldPath, indexes }) =>
      indexes.map(({ order }) => `${collectionGroup}: ${fieldPath} ${order}`),
    );
    assert.deepEqual([...composite, ...single].sort(), queries.map(neededBy).sort());
    const scopes = [file.indexes, ...file.fieldOverrides.map(({ indexes }) => indexes)].flat();
    assert.deepEqual([...new Set(scopes.map(({ queryScope }) => queryScope))], ['COLLECTION']);
  });

  it('leaves no field of any document to automatic indexing', () => {
    const overridden = file.fieldOverrides.map(
      ({ collectionGroup, fieldPath }) => `${collectionGroup}.${fieldPath}`,
    );
    const fields = Object.entries(FIELDS).flatMap(([collection, names]) =>
      names.map((name) => `${collection}.${name}`),
    );
    // A field of a map has what is said of the map, unless it is searched itself.
    const nested = queries.flatMap(({ collection, equal }) =>
      equal.filter((field) => field.includes('.')).map((field) => `${collection}.${field}`),
    );
    assert.deepEqual(overridden.sort(), [...fields, ...nested].sort());
  });

  it('has a TTL policy wherever documents expire', () => {
    const ttl = file.fieldOverrides.filter((override) => override.ttl === true);
    assert.deepEqual(
      ttl.map(({ collectionGroup, fieldPath }) => `${collectionGroup}.${fieldPath}`),
      Object.entries(FIELDS).flatMap(([collection, names]) =>
        names.some((name) => name === 'expireAt') ? [`${collection}.expireAt`] : [],
      ),
    );
  });

  it('knows every query: none is started anywhere else', () => {
    const isQuery = /\.(where|orderBy|collectionGroup|count|aggregate|findNearest)\(/;
    assert(isQuery.test(parseSource('x.ts', "query.where('a', '==', 1)").code));
    const elsewhere = readSources(['shared/adapters/firestore'])
      .filter(({ path }) => !path.endsWith('/queries.ts') && !path.endsWith('.test.ts'))
      .filter(({ code }) => isQuery.test(code))
      .map(({ path }) => path);
    assert.deepEqual(elsewhere, []);
  });
});

await onFirestoreEmulator('Firestore documents', ({ host }) =>
  it('knows every field of every document that the stores write', async () => {
    await using database = openDatabaseAt(newPlace(host));
    const ledger = openFirestoreLedger(database, { eventRetentionMonths: 13 });
    const admin = openFirestoreAdminStore(database);
    const grants = openFirestoreGrantStore(database);
    const by = { actor: 'admin-key:test', reason: null, atMs: NOON_MS };
    const change = () => ({ amount: '1', pooledBudget: null });
    const cap = {
      id: 'spl_1',
      scope: { type: 'organization' },
      period: 'daily',
      model: null,
    } as const;
    const person = { sub: 'ada', email: null, name: null, groups: [], lastSeenMs: NOON_MS };
    const event = usageEvent();
    await ledger.record([event]);
    await ledger.correct([correctionOf(event.id, 1)]);
    await admin.upsertCap({ ...cap, change }, by);
    await admin.raiseAlerts([{ id: 'alert', atMs: NOON_MS, body: '{}' }]);
    await admin.seen([person]);
    await grants.createDeviceGrant(
      {
        ...{ deviceCodeHash: 'hash', userCode: 'BCDFGHJK', status: 'pending', approval: null },
        ...{ requestedFrom: '192.0.2.7', requestedAtMs: NOON_MS, expiresAtMs: NOON_MS + 1000 },
        ...{ intervalSeconds: 5, polledAtMs: null },
      },
      NOON_MS,
    );
    await grants.createRefreshFamily({
      ...{ id: 'family', sub: 'ada', generation: 1, sealed: 'sealed', leasedUntilMs: 0 },
      ...{ rotatedAtMs: NOON_MS, createdAtMs: NOON_MS, expiresAtMs: NOON_MS + 1000 },
    });
    await grants.addRevocation({ type: 'session', sessionId: 's', untilMs: NOON_MS + 1000 });
    await grants.countHit('key', 60, NOON_MS);
    await grants.useOnce('nonce', NOON_MS + 1000, NOON_MS);
    const written = await database.run(async (documents) => {
      const root = documents.in('spend').parent;
      const collections = (await root?.listCollections()) ?? [];
      return Promise.all(
        collections.map(async (collection) => {
          const { docs } = await collection.get();
          const fields = new Set(docs.flatMap((one) => Object.keys(one.data())));
          return [collection.id, [...fields].sort()] as const;
        }),
      );
    });
    assert.deepEqual(
      Object.fromEntries(written),
      Object.fromEntries(
        Object.entries(FIELDS).map(([name, fields]) => [name, [...fields].sort()]),
      ),
    );
  }),
);
