// Who may use the admin API: a key in x-api-key, or a session of an admin group. A key goes first:
// a request with a bad key is refused even when its session would do.

import { createHash, timingSafeEqual } from 'node:crypto';
import type { GroupLimitMode } from '#shared/domain/cap.ts';
import type { Principal } from '#shared/domain/principal.ts';
import { AppError } from '#shared/errors/app-error.ts';
import { requestOrigin } from '#shared/http/origin.ts';
import type { Exchange } from '#shared/http/route.ts';
import type { QuotaStore } from '#shared/ports/quota-store.ts';
import type { Log } from '#shared/telemetry/log.ts';

export interface AdminKey {
  /** Named in the audit trail. */
  readonly id: string;
  readonly key: string;
}

export interface AdminSettings {
  readonly writeKeys: readonly AdminKey[];
  readonly readKeys: readonly AdminKey[];
  /** Their members may read and write. */
  readonly adminGroups: readonly string[];
  readonly groupLimitMode: GroupLimitMode;
}

export interface Administrator {
  /** `admin-key:<id>` or `oidc:<sub>`. */
  readonly actor: string;
  readonly canWrite: boolean;
}

export interface AuthenticationDeps {
  /** Null: not a valid session token of the origin that was asked. */
  readonly verify: (token: string, origin: string) => Promise<Principal | null>;
  readonly quota: Pick<QuotaStore, 'isRevoked'>;
  readonly log: Log;
}

type DenialReason = 'no_credentials' | 'invalid_key' | 'bearer_rejected' | 'read_only';

/** @throws AppError `unauthenticated`, or `forbidden` for a read key that writes; both audited. */
export async function authenticate(
  { verify, quota, log }: AuthenticationDeps,
  settings: AdminSettings,
  exchange: Exchange,
): Promise<Administrator> {
  const { headers, method } = exchange.req;
  const deny = (reason: DenialReason): void =>
    log.audit('admin.denied', {
      reason,
      method,
      path: exchange.url.pathname,
      client_ip: exchange.clientIp,
    });
  const found = await identify(headers['x-api-key'], headers.authorization, settings, {
    verify: (token) => verify(token, requestOrigin(exchange.req)),
    quota,
  });
  if (typeof found === 'string') {
    deny(found);
    throw new AppError('unauthenticated', 'missing or invalid admin credentials');
  }
  if (!found.canWrite && method !== 'GET' && method !== 'HEAD') {
    deny('read_only');
    throw new AppError('forbidden', 'requires write:spend_limits');
  }
  return found;
}

async function identify(
  apiKey: string | string[] | undefined,
  authorization: string | undefined,
  settings: AdminSettings,
  deps: Pick<AuthenticationDeps, 'quota'> & {
    readonly verify: (token: string) => Promise<Principal | null>;
  },
): Promise<Administrator | DenialReason> {
  if (apiKey !== undefined) return byKey(String(apiKey), settings) ?? 'invalid_key';
  if (authorization === undefined) return 'no_credentials';
  const token = /^Bearer (\S+)$/.exec(authorization)?.[1];
  const principal = token === undefined ? null : await deps.verify(token);
  if (principal === null) return 'bearer_rejected';
  if (!principal.groups.some((group) => settings.adminGroups.includes(group))) {
    return 'bearer_rejected';
  }
  // Unlike for a message, a quota store that is away lets no administrator in: it throws.
  if (await deps.quota.isRevoked(principal)) return 'bearer_rejected';
  return { actor: `oidc:${principal.sub}`, canWrite: true };
}

// Digests have one length whatever was sent, and every key is compared: timing tells nothing.
function byKey(given: string, settings: AdminSettings): Administrator | null {
  const digest = sha256(given);
  let found: Administrator | null = null;
  const keys = [
    ...settings.readKeys.map((key) => ({ ...key, canWrite: false })),
    ...settings.writeKeys.map((key) => ({ ...key, canWrite: true })),
  ];
  for (const { id, key, canWrite } of keys) {
    if (timingSafeEqual(digest, sha256(key))) found = { actor: `admin-key:${id}`, canWrite };
  }
  return found;
}

function sha256(text: string): Buffer {
  return createHash('sha256').update(text, 'utf8').digest();
}
