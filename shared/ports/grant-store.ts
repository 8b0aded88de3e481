// Short-lived sign-in state. Secrets arrive hashed or encrypted: nothing here signs anybody in.

import type { Revocation } from '../domain/quota.ts';

export type DeviceGrantStatus = 'pending' | 'approved' | 'denied';

/** RFC 8628. Keyed by the SHA-256 of the device code; the user code is unique while it lives. */
export interface DeviceGrant {
  readonly deviceCodeHash: string;
  /** Normalised: eight letters, no dash. */
  readonly userCode: string;
  readonly status: DeviceGrantStatus;
  /** Where and when the terminal asked, for the person who confirms. */
  readonly requestedFrom: string;
  readonly requestedAtMs: number;
  readonly expiresAtMs: number;
  readonly intervalSeconds: number;
  /** When the terminal last polled and was not too early; null before the first poll. */
  readonly polledAtMs: number | null;
  /** An encrypted text of the control plane, set on approval: who signed in. */
  readonly approval: string | null;
}

/** All refresh tokens of one sign-in. */
export interface RefreshFamily {
  /** Also the session id in the access tokens. */
  readonly id: string;
  readonly sub: string;
  /** Counts rotations; only the token of the current generation is good. */
  readonly generation: number;
  readonly rotatedAtMs: number;
  /** Encrypted by the control plane: the IdP's refresh token and the last known claims. */
  readonly sealed: string;
  readonly createdAtMs: number;
  readonly expiresAtMs: number;
  /** While one instance talks to the IdP for this family, the others wait. 0: nobody does. */
  readonly leasedUntilMs: number;
}

/**
 * Every method is atomic. Expired rows answer as missing, whether or not they were swept. Times are
 * epoch milliseconds and come from the caller.
 */
export interface GrantStore extends AsyncDisposable {
  /** False: the user code is taken; draw another. */
  createDeviceGrant(grant: DeviceGrant, nowMs: number): Promise<boolean>;
  deviceGrantByUserCode(userCode: string, nowMs: number): Promise<DeviceGrant | null>;
  /**
   * Reads the grant as it was before this poll, says whether the poll was too early, and keeps what
   * `paceDevicePoll` (domain/device-polling.ts) makes of the two: an early poll lengthens the interval
   * and moves `polledAtMs` no further.
   */
  pollDeviceGrant(
    deviceCodeHash: string,
    nowMs: number,
  ): Promise<{ grant: DeviceGrant; slowDown: boolean } | null>;
  /** Only a pending grant can be decided; false otherwise. */
  decideDeviceGrant(
    userCode: string,
    decision: { status: 'approved'; approval: string } | { status: 'denied' },
    nowMs: number,
  ): Promise<boolean>;
  /** Removes and returns: of concurrent takers exactly one gets it. */
  takeDeviceGrant(deviceCodeHash: string, nowMs: number): Promise<DeviceGrant | null>;

  createRefreshFamily(family: RefreshFamily): Promise<void>;
  refreshFamily(id: string, nowMs: number): Promise<RefreshFamily | null>;
  /** Takes the lease if nobody holds it and the generation is still this one. */
  leaseRefreshFamily(
    id: string,
    generation: number,
    leasedUntilMs: number,
    nowMs: number,
  ): Promise<boolean>;
  /** Compare-and-swap: stores `next` (lease cleared) if the generation is still `from`. */
  rotateRefreshFamily(from: number, next: RefreshFamily): Promise<boolean>;
  /** Gives the lease back without a rotation. */
  releaseRefreshFamily(id: string): Promise<void>;
  /** Ids of what was deleted: one family, or all of a person. */
  deleteRefreshFamilies(which: { id: string } | { sub: string }): Promise<string[]>;

  /** Kept until `untilMs`, so that a quota store that lost its memory can be told again. */
  addRevocation(revocation: Revocation): Promise<void>;
  revocations(nowMs: number): Promise<Revocation[]>;

  /** Fixed window from the first hit: how many hits the window has, this one included. */
  countHit(key: string, windowSeconds: number, nowMs: number): Promise<number>;

  /** True once per key until it expires: a nonce or state is used once. */
  useOnce(key: string, expiresAtMs: number, nowMs: number): Promise<boolean>;

  /** Removes what has expired. */
  sweep(nowMs: number): Promise<void>;
}
