// RFC 8628 device grants, one document per user code: what makes the code unique. Whoever polls
// finds it by the hash of the device code.

import type { DocumentData, DocumentSnapshot } from '@google-cloud/firestore';
import { paceDevicePoll } from '#shared/domain/device-polling.ts';
import type { DeviceGrant } from '#shared/ports/grant-store.ts';
import { type Decision, swap, swapAt } from './compare-and-swap.ts';
import { spreadId } from './document-ids.ts';
import { expiry } from './expiry.ts';
import type { Documents } from './firestore-database.ts';
import { QUERIES, startQuery } from './queries.ts';

/** `row` of `device_grant`. What was taken stays until it expires: nobody takes it again. */
interface GrantRow extends DeviceGrant {
  readonly isTaken: boolean;
}

export function createDeviceGrant(
  documents: Documents,
  grant: DeviceGrant,
  nowMs: number,
): Promise<boolean> {
  return swapAt(documents, grantRef(documents, grant.userCode), (current) =>
    alive(current, nowMs) === null
      ? { answer: true, write: grantFields(grant) }
      : { answer: false },
  );
}

export async function deviceGrantByUserCode(
  documents: Documents,
  userCode: string,
  nowMs: number,
): Promise<DeviceGrant | null> {
  return alive((await grantRef(documents, userCode).get()).data() ?? null, nowMs);
}

export function pollDeviceGrant(documents: Documents, deviceCodeHash: string, nowMs: number) {
  type Poll = { grant: DeviceGrant; slowDown: boolean } | null;
  return swap(documents, grantOfDevice(documents, deviceCodeHash), (current): Decision<Poll> => {
    const grant = alive(current, nowMs);
    if (grant === null) return { answer: null };
    const { slowDown, next } = paceDevicePoll(grant, nowMs);
    return { answer: { grant, slowDown }, write: grantFields({ ...grant, ...next }) };
  });
}

export function decideDeviceGrant(
  documents: Documents,
  userCode: string,
  decision: { status: 'approved'; approval: string } | { status: 'denied' },
  nowMs: number,
): Promise<boolean> {
  return swapAt(documents, grantRef(documents, userCode), (current) => {
    const grant = alive(current, nowMs);
    if (grant?.status !== 'pending') return { answer: false };
    const approval = decision.status === 'approved' ? decision.approval : null;
    return { answer: true, write: grantFields({ ...grant, status: decision.status, approval }) };
  });
}

export function takeDeviceGrant(
  documents: Documents,
  deviceCodeHash: string,
  nowMs: number,
): Promise<DeviceGrant | null> {
  return swap(documents, grantOfDevice(documents, deviceCodeHash), (current) => {
    const grant = alive(current, nowMs);
    if (grant === null) return { answer: null };
    return { answer: grant, write: grantFields({ ...grant, approval: null }, true) };
  });
}

function grantOfDevice(documents: Documents, deviceCodeHash: string) {
  return async (): Promise<DocumentSnapshot | null> => {
    const query = startQuery(documents, QUERIES.grantsOfDevice, deviceCodeHash);
    return (await query.limit(1).get()).docs[0] ?? null;
  };
}

function grantRef(documents: Documents, userCode: string) {
  return documents.in('device_grant').doc(spreadId(userCode));
}

function grantFields(grant: DeviceGrant, isTaken = false): DocumentData {
  const row: GrantRow = { ...grant, isTaken };
  return { deviceCodeHash: grant.deviceCodeHash, row, expireAt: expiry(grant.expiresAtMs) };
}

function alive(current: DocumentData | null, nowMs: number): DeviceGrant | null {
  if (current === null) return null;
  const { isTaken, ...grant } = current['row'] as GrantRow;
  return isTaken || grant.expiresAtMs <= nowMs ? null : grant;
}
