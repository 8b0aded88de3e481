// Sign-in state. Each method is one statement or one transaction, and decides in its where clause:
// what expired is missing even before it is swept.

import type { GrantStore } from '#shared/ports/grant-store.ts';
import {
  createDeviceGrant,
  decideDeviceGrant,
  deviceGrantByUserCode,
  pollDeviceGrant,
  takeDeviceGrant,
} from './device-grants.ts';
import { createGate } from './gate.ts';
import {
  createRefreshFamily,
  deleteRefreshFamilies,
  leaseRefreshFamily,
  readRefreshFamily,
  releaseRefreshFamily,
  rotateRefreshFamily,
} from './refresh-families.ts';
import {
  addRevocation,
  countHit,
  readRevocations,
  sweepExpired,
  useOnce,
} from './sign-in-guards.ts';
import type { Queries, SqlDatabase } from './sql-database.ts';

/** The grant store on any SQL database; the caller closes the database after it. */
export function openSqlGrantStore(database: SqlDatabase): GrantStore {
  const gate = createGate('the grant store');
  const run = <T>(work: (db: Queries) => Promise<T>) => gate.enter(() => database.run(work));
  const transaction = <T>(work: (db: Queries) => Promise<T>) =>
    gate.enter(() => database.transaction(work));
  return {
    createDeviceGrant: (grant, nowMs) => transaction((db) => createDeviceGrant(db, grant, nowMs)),
    deviceGrantByUserCode: (userCode, nowMs) =>
      run((db) => deviceGrantByUserCode(db, userCode, nowMs)),
    pollDeviceGrant: (hash, nowMs) => transaction((db) => pollDeviceGrant(db, hash, nowMs)),
    decideDeviceGrant: (userCode, decision, nowMs) =>
      run((db) => decideDeviceGrant(db, userCode, decision, nowMs)),
    takeDeviceGrant: (hash, nowMs) => run((db) => takeDeviceGrant(db, hash, nowMs)),

    createRefreshFamily: (family) => run((db) => createRefreshFamily(db, family)),
    refreshFamily: (id, nowMs) => run((db) => readRefreshFamily(db, id, nowMs)),
    leaseRefreshFamily: (id, generation, leasedUntilMs, nowMs) =>
      run((db) => leaseRefreshFamily(db, { id, generation, leasedUntilMs, nowMs })),
    rotateRefreshFamily: (from, next) => run((db) => rotateRefreshFamily(db, from, next)),
    releaseRefreshFamily: (id) => run((db) => releaseRefreshFamily(db, id)),
    deleteRefreshFamilies: (which) => run((db) => deleteRefreshFamilies(db, which)),

    addRevocation: (revocation) => run((db) => addRevocation(db, revocation)),
    revocations: (nowMs) => run((db) => readRevocations(db, nowMs)),
    countHit: (key, windowSeconds, nowMs) => run((db) => countHit(db, key, windowSeconds, nowMs)),
    useOnce: (key, expiresAtMs, nowMs) => run((db) => useOnce(db, key, expiresAtMs, nowMs)),
    sweep: (nowMs) => transaction((db) => sweepExpired(db, nowMs)),
    [Symbol.asyncDispose]: () => gate.close(),
  };
}
