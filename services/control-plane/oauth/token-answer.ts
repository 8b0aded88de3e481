// What the token endpoint answers (RFC 6749 §5, RFC 8628 §3.5), statuses as the reference.

import type { Exchange } from '#shared/http/route.ts';
import type { Person } from '../login/claims.ts';
import { publicOrigin } from './origin.ts';
import type { SignInDeps } from './sign-in-deps.ts';

export interface TokenAnswer {
  readonly status: number;
  readonly body: Readonly<Record<string, string | number>>;
}

const STATUS = {
  invalid_request: 400,
  unsupported_grant_type: 400,
  authorization_pending: 400,
  access_denied: 400,
  expired_token: 400,
  slow_down: 429,
  invalid_grant: 401,
  temporarily_unavailable: 503,
} as const;

export function refuseToken(error: keyof typeof STATUS): TokenAnswer {
  return { status: STATUS[error], body: { error } };
}

interface Session {
  readonly person: Person;
  readonly sessionId: string;
  /** Ours; null when the IdP gave none to come back with. */
  readonly refreshToken: string | null;
}

/** Mints the session's access token; keys in the order of the reference. */
export async function grantToken(
  { person, sessionId, refreshToken }: Session,
  { req }: Exchange,
  deps: SignInDeps,
): Promise<TokenAnswer> {
  const { ttlHours, billingGroupTag } = deps.session;
  const ttlSeconds = Math.round(ttlHours * 3600);
  const accessToken = await deps.minter.mint(
    { ...person, sessionId, billingGroupTag },
    publicOrigin(req, deps.publicUrl),
    ttlSeconds,
  );
  return {
    status: 200,
    body: {
      access_token: accessToken,
      ...(refreshToken === null ? {} : { refresh_token: refreshToken }),
      token_type: 'Bearer',
      expires_in: ttlSeconds,
      ...(person.email === null ? {} : { email: person.email }),
    },
  };
}

/** Tells the directory; a directory that is away keeps nobody out. */
export async function notePerson(person: Person, deps: SignInDeps): Promise<void> {
  try {
    await deps.seen(person);
  } catch (error) {
    deps.log.warn('the directory did not take a person', {
      sub: person.sub,
      reason: String(error),
    });
  }
}
