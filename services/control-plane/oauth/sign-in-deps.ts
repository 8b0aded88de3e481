import type { Clock } from '#shared/domain/clock.ts';
import type { Revocation } from '#shared/domain/quota.ts';
import type { RefreshTokens } from '#shared/identity/refresh-token.ts';
import type { Sealer } from '#shared/identity/sealed.ts';
import type { SessionMinter, SessionVerifier } from '#shared/identity/session-token.ts';
import type { SessionKeys } from '#shared/identity/signing-keys.ts';
import type { GrantStore } from '#shared/ports/grant-store.ts';
import type { Log } from '#shared/telemetry/log.ts';
import type { ClaimRules, Person } from '../login/claims.ts';
import type { OidcClient } from '../login/oidc-client.ts';

/** Hits that a network may have in a fixed window. */
export interface RateLimit {
  readonly max: number;
  readonly windowSeconds: number;
}

/** Everything that sign-in stands on. */
export interface SignInDeps {
  /** Without a slash at the end; null: scheme and host of the request (loopback only). */
  readonly publicUrl: string | null;
  readonly idp: OidcClient;
  readonly claims: ClaimRules;
  readonly session: {
    readonly ttlHours: number;
    /** `admin.billing_group_tag`, put into every token; null: none. */
    readonly billingGroupTag: string | null;
    /** How long a refresh may keep the client waiting for the IdP. */
    readonly refreshAnswerSeconds: number;
  };
  readonly grants: GrantStore;
  readonly minter: SessionMinter;
  readonly verifier: SessionVerifier;
  readonly sealer: Sealer;
  readonly refreshTokens: RefreshTokens;
  readonly jwks: SessionKeys['jwks'];
  /** Makes every data plane refuse what it names, and keeps it. */
  readonly revoke: (revocation: Revocation) => Promise<void>;
  /** For the directory of people last seen. */
  readonly seen: (person: Person) => Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
  readonly rateLimits: {
    readonly deviceAuthorization: RateLimit;
    readonly deviceVerify: RateLimit;
  };
  readonly loginNotice: string | null;
}
