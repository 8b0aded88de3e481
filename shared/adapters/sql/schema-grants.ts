// The tables of signing in, as the statements see them.

import type { DeviceGrantStatus } from '#shared/ports/grant-store.ts';

export interface DeviceGrantTable {
  device_code_hash: string;
  user_code: string;
  status: DeviceGrantStatus;
  requested_from: string;
  requested_at_ms: number;
  expires_at_ms: number;
  interval_seconds: number;
  polled_at_ms: number | null;
  approval: string | null;
}

export interface RefreshFamilyTable {
  id: string;
  sub: string;
  generation: number;
  rotated_at_ms: number;
  sealed: string;
  created_at_ms: number;
  expires_at_ms: number;
  leased_until_ms: number;
}

export interface RevocationTable {
  type: 'session' | 'subject';
  /** A session id or a sub. */
  target: string;
  /** 0 for a session. */
  issued_before_ms: number;
  until_ms: number;
}

export interface HitWindowTable {
  key: string;
  hits: number;
  expires_at_ms: number;
}

export interface UsedOnceTable {
  key: string;
  expires_at_ms: number;
}
