// Sign-in state. Each change is a compare-and-swap of one document, and decides by what it read:
// what expired is missing before it is swept, and before TTL comes by, which may take a day.

import type { GrantStore } from '#shared/ports/grant-store.ts';
import { createGate } from '../sql/gate.ts';
import { createTurns } from './compare-and-swap.ts';
import { deleteFound } from './delete-found.ts';
import {
  createDeviceGrant,
  decideDeviceGrant,
  deviceGrantByUserCode,
  pollDeviceGrant,
  takeDeviceGrant,
} from './device-grants.ts';
import { expiry } from './expiry.ts';
import type { Documents, FirestoreDatabase } from './firestore-database.ts';
import { QUERIES, startQuery } from './queries.ts';
import {
  createRefreshFamily,
  deleteRefreshFamilies,
  leaseRefreshFamily,
  readRefreshFamily,
  releaseRefreshFamily,
  rotateRefreshFamily,
} from './refresh-families.ts';
import { addRevocation, countHit, readRevocations, useOnce } from './sign-in-guards.ts';

const BY_END = [
  QUERIES.deviceGrantsByEnd,
  QUERIES.familiesByEnd,
  QUERIES.revocationsByEnd,
  QUERIES.hitWindowsByEnd,
  QUERIES.usedOnceByEnd,
];

/** The grant store on Firestore; the caller closes the database after it. */
export function openGrantStore(database: FirestoreDatabase): GrantStore {
  const gate = createGate('the grant store');
  const inTurn = createTurns();
  const run = <T>(work: (documents: Documents) => Promise<T>) =>
    gate.enter(() => database.run(work));
  const change = <T>(key: string, work: (documents: Documents) => Promise<T>) =>
    run((documents) => inTurn(key, () => work(documents)));
  return {
    createDeviceGrant: (grant, nowMs) =>
      change(`code ${grant.userCode}`, (at) => createDeviceGrant(at, grant, nowMs)),
    deviceGrantByUserCode: (userCode, nowMs) =>
      run((at) => deviceGrantByUserCode(at, userCode, nowMs)),
    pollDeviceGrant: (hash, nowMs) =>
      change(`device ${hash}`, (at) => pollDeviceGrant(at, hash, nowMs)),
    decideDeviceGrant: (userCode, decision, nowMs) =>
      change(`code ${userCode}`, (at) => decideDeviceGrant(at, userCode, decision, nowMs)),
    takeDeviceGrant: (hash, nowMs) =>
      change(`device ${hash}`, (at) => takeDeviceGrant(at, hash, nowMs)),

    createRefreshFamily: (family) => run((at) => createRefreshFamily(at, family)),
    refreshFamily: (id, nowMs) => run((at) => readRefreshFamily(at, id, nowMs)),
    leaseRefreshFamily: (id, generation, leasedUntilMs, nowMs) =>
      change(`family ${id}`, (at) =>
        leaseRefreshFamily(at, { id, generation, leasedUntilMs, nowMs }),
      ),
    rotateRefreshFamily: (from, next) =>
      change(`family ${next.id}`, (at) => rotateRefreshFamily(at, from, next)),
    releaseRefreshFamily: (id) => change(`family ${id}`, (at) => releaseRefreshFamily(at, id)),
    deleteRefreshFamilies: (which) => run((at) => deleteRefreshFamilies(at, which)),

    addRevocation: (revocation) => run((at) => addRevocation(at, revocation)),
    revocations: (nowMs) => run((at) => readRevocations(at, nowMs)),
    countHit: (key, windowSeconds, nowMs) =>
      change(`hits ${key}`, (at) => countHit(at, key, windowSeconds, nowMs)),
    useOnce: (key, expiresAtMs, nowMs) =>
      change(`once ${key}`, (at) => useOnce(at, key, expiresAtMs, nowMs)),
    sweep: (nowMs) =>
      gate.enter(async () => {
        for (const shape of BY_END) {
          await deleteFound(database, (at) => {
            gate.assertOpen();
            return startQuery(at, shape).endAt(expiry(nowMs));
          });
        }
      }),
    [Symbol.asyncDispose]: () => gate.close(),
  };
}
