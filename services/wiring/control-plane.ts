// The control plane of one configuration: sign-in and the admin API.

import type { Clock } from '#shared/domain/clock.ts';
import type { Revocation } from '#shared/domain/quota.ts';
import type { HealthCheck } from '#shared/http/health.ts';
import type { Route } from '#shared/http/route.ts';
import type { Log } from '#shared/telemetry/log.ts';
import { createAdminRoutes } from '../control-plane/admin/routes.ts';
import { createOidcClient } from '../control-plane/login/oidc-client.ts';
import { createSignInRoutes } from '../control-plane/oauth/routes.ts';
import type { Sessions } from './sessions.ts';
import { adminSettings, oidcOptions } from './slices.ts';
import type { Snapshot } from './snapshot.ts';
import type { ControlStores } from './stores/stores.ts';

export interface ControlPlaneDeps {
  readonly snapshot: Snapshot;
  readonly stores: ControlStores;
  readonly sessions: Sessions;
  readonly clock: Clock;
  readonly log: Log;
}

export interface ControlPlane {
  readonly routes: readonly Route[];
  readonly checks: readonly HealthCheck[];
}

export function createControlPlane(deps: ControlPlaneDeps): ControlPlane {
  const { snapshot, stores, sessions, clock, log } = deps;
  const { config } = snapshot;
  const idp = oidcOptions(config);
  const client = createOidcClient(idp, clock);
  warnOf(client.check(), log);
  const { device_authorization, device_verify } = config.rate_limits;
  const revoke = async (revocation: Revocation) => {
    await stores.grants.addRevocation(revocation);
    await stores.quota.revoke(revocation);
  };
  const signIn = createSignInRoutes({
    publicUrl: config.listen.public_url ?? null,
    idp: client,
    claims: idp.claims,
    session: {
      ttlHours: config.session.ttl_hours,
      billingGroupTag: config.admin?.billing_group_tag ?? null,
      refreshAnswerSeconds: idp.timeoutSeconds,
    },
    grants: stores.grants,
    ...sessions,
    revoke,
    seen: (person) => stores.admin.seen([{ ...person, lastSeenMs: clock.now() }]),
    clock,
    log,
    rateLimits: {
      deviceAuthorization: rateLimit(device_authorization),
      deviceVerify: rateLimit(device_verify),
    },
    loginNotice: config.login_notice ?? null,
  });
  const admin = createAdminRoutes({
    ...stores,
    verify: sessions.verifier.verify,
    settings: () => adminSettings(config),
    revoke,
    sessionHours: config.session.ttl_hours,
    clock,
    log,
  });
  return {
    routes: [...signIn, ...admin],
    checks: [{ name: 'identity provider', weight: 'degraded', check: client.check }],
  };
}

/** An operator learns at the start, not from the first person who cannot sign in. */
function warnOf(check: Promise<string | null>, log: Log): void {
  check.then(
    (sentence) => sentence === null || log.warn(sentence),
    () => undefined,
  );
}

function rateLimit(limit: { max: number; window_seconds: number }) {
  return { max: limit.max, windowSeconds: limit.window_seconds };
}
