// The policy routes behind the real app. Sessions are given by the test: their verification is
// tested where it lives.

import { randomUUID } from 'node:crypto';
import { type Catalogue, createCatalogue, type UpstreamRef } from '#shared/domain/catalogue.ts';
import { createPolicyBook, type PolicyBookOptions } from '#shared/domain/policy.ts';
import type { Principal } from '#shared/domain/principal.ts';
import type { SignalSwitches } from '#shared/domain/settings-push.ts';
import { createHttpApp } from '#shared/http/app.ts';
import { createAddressList } from '#shared/http/client-ip.ts';
import { openHttpServer } from '#shared/http/server.ts';
import type { UsageBus } from '#shared/ports/usage-bus.ts';
import { createPolicyRoutes } from '../../services/data-plane/policy-routes.ts';
import { createTestClock, NOON_MS } from './clock.ts';
import { createMemoryLog } from './log.ts';

export type Person = Pick<Principal, 'groups' | 'email'> & { readonly sub?: string };

export interface PolicyServerOptions {
  readonly book?: PolicyBookOptions;
  readonly catalogue?: Catalogue;
  readonly upstreams?: readonly UpstreamRef[];
  readonly bus?: Pick<UsageBus, 'publish'>;
  readonly destinations?: readonly SignalSwitches[];
  readonly inFlightMax?: number;
  readonly inFlightBytesMax?: number;
  readonly bodyBytesMax?: number;
}

export interface PolicyServer extends AsyncDisposable {
  readonly url: string;
  readonly log: ReturnType<typeof createMemoryLog>;
  /** What a reload of the configuration does. */
  useBook(options: PolicyBookOptions): void;
  /** @param person null: without a session */
  request(person: Person | null, path: string, init?: RequestInit): Promise<Response>;
}

const NO_POLICIES: PolicyBookOptions = {
  policies: null,
  mode: 'first_match',
  push: { env: null, modelPricing: null },
};
const NO_BUS = { publish: () => Promise.reject(new Error('this test has no bus')) };

export async function openPolicyServer(options: PolicyServerOptions = {}): Promise<PolicyServer> {
  const log = createMemoryLog();
  let book = createPolicyBook(options.book ?? NO_POLICIES);
  const catalogue =
    options.catalogue ?? createCatalogue({ models: [], autoIncludeBuiltinModels: true });
  const routes = createPolicyRoutes({
    policies: () => book,
    catalogue: () => catalogue,
    upstreams: () => options.upstreams ?? [],
    log,
    version: 'tallygate-test',
    telemetry: {
      bus: options.bus ?? NO_BUS,
      destinations: () => options.destinations ?? [],
      newId: randomUUID,
      inFlightMax: options.inFlightMax ?? 100,
      inFlightBytesMax: options.inFlightBytesMax ?? 1024 * 1024,
      bodyBytesMax: options.bodyBytesMax ?? 1024 * 1024,
    },
  });
  const nobody = createAddressList([]);
  const app = createHttpApp({
    routes,
    verify: async (token) => principalOf(token),
    isRevoked: async () => false,
    gates: {
      ...{ trustedProxies: nobody, allow: nobody, deny: nobody },
      ...{ requestBytesMax: 32 * 1024 * 1024, headerBytesMax: null, urlCharsMax: null },
    },
    tls: false,
    clock: createTestClock(),
    log,
  });
  const server = await openHttpServer({
    listener: () => app,
    host: '127.0.0.1',
    port: 0,
    tls: null,
  });
  const url = `http://127.0.0.1:${server.port}`;
  return {
    url,
    log,
    useBook(next) {
      book = createPolicyBook(next);
    },
    request(person, path, init = {}) {
      const headers = new Headers(init.headers);
      if (person !== null) headers.set('authorization', `Bearer ${tokenOf(person)}`);
      return fetch(`${url}${path}`, { ...init, headers });
    },
    [Symbol.asyncDispose]: () => server.close(0),
  };
}

function tokenOf(person: Person): string {
  return Buffer.from(JSON.stringify(person)).toString('base64url');
}

function principalOf(token: string): Principal {
  const person: Person = JSON.parse(Buffer.from(token, 'base64url').toString());
  const times = { issuedAtMs: NOON_MS, expiresAtMs: NOON_MS };
  return { sub: 'u1', name: null, sessionId: null, ...times, ...person };
}
