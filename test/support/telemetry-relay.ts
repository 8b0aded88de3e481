// Intake, bus, relay and collectors as they stand together in a gateway; the clock is the test's.

import { openEmbeddedBus } from '#shared/adapters/usage-bus/embedded.ts';
import type { SignalSwitches } from '#shared/domain/settings-push.ts';
import type { Subscription, UsageBus } from '#shared/ports/usage-bus.ts';
import {
  createOtlpExporter,
  type TelemetryDestination,
} from '../../services/control-plane/telemetry/otlp-exporter.ts';
import { createTelemetryRelay } from '../../services/control-plane/telemetry/relay.ts';
import { createTestClock, type TestClock } from './clock.ts';
import type { Collector } from './collector.ts';
import { createMemoryLog } from './log.ts';
import { openPolicyServer, type Person, type PolicyServer } from './policy-server.ts';
import { temporaryDatabase } from './sqlite-instance.ts';

export interface RelayedGateway extends AsyncDisposable {
  readonly bus: UsageBus;
  readonly clock: TestClock;
  readonly log: ReturnType<typeof createMemoryLog>;
  readonly server: PolicyServer;
  readonly relay: Subscription;
  /** One export of a signed-in client. */
  send(body: Uint8Array | string, options?: SendOptions): Promise<Response>;
  /** Moves the clock and waits until what is due then has been handled. */
  advance(ms: number): Promise<void>;
}

export interface SendOptions {
  readonly path?: string;
  readonly person?: Person;
  readonly headers?: Record<string, string>;
}

export const DEVELOPER: Person = { sub: 'u1', email: 'dev@example.com', groups: ['eng', 'ops'] };

/** A destination that takes everything, unless told otherwise. */
export function destination(
  { url }: Pick<Collector, 'url'>,
  overrides: Partial<TelemetryDestination> = {},
): TelemetryDestination {
  return { url, headers: {}, metrics: true, logs: true, traces: true, ...overrides };
}

export interface RelayedGatewayOptions {
  /** A batch's budget; shortened where a test makes a destination hang. */
  readonly batchBudgetMs?: number;
  readonly timeoutMs?: number;
  readonly attemptsMax?: number;
}

export async function openRelayedGateway(
  destinations: readonly TelemetryDestination[],
  options: RelayedGatewayOptions = {},
): Promise<RelayedGateway> {
  const { batchBudgetMs = 5000, timeoutMs = 10_000, attemptsMax = 10 } = options;
  const stack = new AsyncDisposableStack();
  const file = stack.use(temporaryDatabase());
  const clock = createTestClock();
  const log = createMemoryLog();
  const bus = stack.use(await openEmbeddedBus({ path: file.path, clock, attemptsMax, log }));
  const relay = stack.use(
    createTelemetryRelay({
      bus,
      destinations: () => destinations,
      export: createOtlpExporter({ userAgent: 'tallygate/test', timeoutMs }),
      clock,
      log,
      batchBudgetMs,
    }),
  );
  const switches: readonly SignalSwitches[] = destinations;
  const server = stack.use(await openPolicyServer({ bus, destinations: switches }));
  return {
    ...{ bus, clock, log, server, relay },
    send(body, { path = '/v1/metrics', person = DEVELOPER, headers = {} } = {}) {
      const type = { 'content-type': 'application/x-protobuf' };
      const init = { method: 'POST', body: Buffer.from(body), headers: { ...type, ...headers } };
      return server.request(person, path, init);
    },
    async advance(ms) {
      clock.advance(ms);
      await relay.idle();
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  };
}
