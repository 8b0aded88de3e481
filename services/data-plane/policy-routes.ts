import type { Signal } from '#shared/domain/settings-push.ts';
import { AppError } from '#shared/errors/app-error.ts';
import type { Route, SessionExchange } from '#shared/http/route.ts';
import type { Log } from '#shared/telemetry/log.ts';
import { createManagedSettings, type ManagedSettingsDeps } from './managed-settings.ts';
import { createModels, type ModelsDeps } from './models.ts';
import { createTelemetryIntake, type TelemetryIntakeDeps } from './telemetry-intake.ts';

export interface PolicyRoutesDeps extends ManagedSettingsDeps, ModelsDeps {
  readonly telemetry: TelemetryIntakeDeps;
}

const SIGNALS: readonly Signal[] = ['metrics', 'logs', 'traces'];

/** What follows from who you are: settings, models, and telemetry in your name. */
export function createPolicyRoutes(deps: PolicyRoutesDeps): Route[] {
  const session = { access: 'session' } as const;
  const intake = createTelemetryIntake(deps.telemetry);
  return [
    {
      ...session,
      path: '/managed/settings',
      methods: ['GET', 'HEAD'],
      handle: createManagedSettings(deps),
    },
    { ...session, path: '/v1/models', methods: ['GET', 'HEAD'], handle: createModels(deps) },
    ...SIGNALS.map((signal): Route => {
      return { ...session, path: `/v1/${signal}`, methods: ['POST'], handle: intake(signal) };
    }),
    {
      ...session,
      path: '/user/bootstrap',
      methods: ['GET', 'HEAD'],
      handle: (exchange: SessionExchange) => refuseDesktop(exchange, deps.log),
    },
  ];
}

/** Desktop policies are not built yet; configuration refuses them, so nobody has one. */
function refuseDesktop({ res, requestId, principal }: SessionExchange, log: Log): never {
  log.audit('desktop_bootstrap.denied', {
    request_id: requestId,
    reason: 'not_configured',
    sub: principal.sub,
    email: principal.email,
  });
  res.setHeader('cache-control', 'no-store');
  res.setHeader('pragma', 'no-cache');
  throw new AppError('not_found', 'Claude Desktop is not configured on this gateway');
}
