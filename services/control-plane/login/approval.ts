// Who signed in, sealed: what waits in a device grant until the terminal fetches it, and what a
// refresh family keeps. The IdP's refresh token is in it and never leaves it in the clear.

import type { Sealer, SealPurpose } from '#shared/identity/sealed.ts';
import type { Person } from './claims.ts';

export interface Approval {
  readonly person: Person;
  /** The IdP's own subject, which a refresh must answer for. */
  readonly idpSub: string;
  readonly idpRefreshToken: string | null;
}

type Holder = Extract<SealPurpose, 'device-approval' | 'refresh-family'>;

export function sealApproval(
  sealer: Sealer,
  approval: Approval,
  holder: Holder = 'device-approval',
): Promise<string> {
  return sealer.seal(holder, approval);
}

/** Null when the key that sealed it is gone. */
export async function openApproval(
  sealer: Sealer,
  text: string | null,
  holder: Holder = 'device-approval',
): Promise<Approval | null> {
  // Sealed by us, for this purpose alone: its shape is what sealApproval was given.
  return text === null ? null : ((await sealer.open(holder, text)) as Approval | null);
}
