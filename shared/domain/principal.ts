/** Who is calling, as the verified session says; nothing a client claims about itself is in here. */
export interface Principal {
  /** The IdP's stable id of the person (or `user_id_claim`). */
  readonly sub: string;
  readonly email: string | null;
  readonly name: string | null;
  readonly groups: readonly string[];
  /** One sign-in and all its refreshes: what a revocation names. `null` in a token without one. */
  readonly sessionId: string | null;
  readonly issuedAtMs: number;
  readonly expiresAtMs: number;
}
