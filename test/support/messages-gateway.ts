// The Messages routes behind the real app on a real server, over a quota store in process and a bus
// that keeps what it was given.

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openMemoryQuotaStore } from '#shared/adapters/quota-store/memory.ts';
import { openFileSpool } from '#shared/adapters/usage-spool/file.ts';
import { createSecret } from '#shared/config/secret.ts';
import type { Budget, Cap } from '#shared/domain/cap.ts';
import { type Catalogue, createCatalogue } from '#shared/domain/catalogue.ts';
import { createPriceBook } from '#shared/domain/pricing.ts';
import type { Principal } from '#shared/domain/principal.ts';
import type { UsageEvent } from '#shared/domain/usage-event.ts';
import { decodeUsageEvent } from '#shared/events/usage-v1.ts';
import type { HttpAppOptions } from '#shared/http/app.ts';
import type { QuotaStore } from '#shared/ports/quota-store.ts';
import type { UsageSpool } from '#shared/ports/usage-spool.ts';
import type { MessagesSettings } from '../../services/data-plane/messages-deps.ts';
import { createMessagesRoutes } from '../../services/data-plane/routes.ts';
import { createRouting, type RoutingOptions } from '../../services/data-plane/routing.ts';
import { createAnthropicUpstream } from '../../services/data-plane/upstreams/anthropic.ts';
import type { Upstream } from '../../services/data-plane/upstreams/upstream.ts';
import { createUsageReportRoute } from '../../services/data-plane/usage-report.ts';
import { createTestClock, type TestClock } from './clock.ts';
import { startHttp, TEST_PRINCIPAL, TEST_TOKEN } from './http.ts';
import { createMemoryLog } from './log.ts';
import { wholeStore } from './quota.ts';

export interface MessagesGatewayOptions {
  readonly upstreams: readonly Upstream[];
  readonly settings?: Partial<MessagesSettings>;
  readonly routing?: Partial<RoutingOptions>;
  readonly caps?: readonly Cap[];
  readonly budgets?: readonly Budget[];
  /** Beside `TEST_PRINCIPAL`: each by `tokenOf` their sub. */
  readonly people?: readonly Pick<Principal, 'sub' | 'groups'>[];
  /** Default: the built-in models. */
  readonly catalogue?: Catalogue;
  /** Default: TEST_TOKEN is TEST_PRINCIPAL's, and `people`. */
  readonly verify?: (token: string) => Promise<Principal | null>;
  readonly mayUse?: (model: string) => boolean;
  /** Instead of, or around, the store in process. */
  readonly quota?: (store: QuotaStore) => QuotaStore;
  readonly publish?: (event: UsageEvent) => Promise<void>;
  /** Default: everything is admitted. */
  readonly overload?: NonNullable<HttpAppOptions['overload']>;
  /** Where usage waits that nobody takes; default: a directory of its own. */
  readonly spoolDirectory?: string;
}

export interface MessagesGateway extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly clock: TestClock;
  readonly log: ReturnType<typeof createMemoryLog>;
  readonly quota: QuotaStore;
  readonly spool: UsageSpool;
  /** What was published, in order. */
  readonly events: UsageEvent[];
  ask(body: unknown, init?: AskOptions): Promise<Response>;
  /** GET /api/oauth/usage. */
  usage(token?: string): Promise<Response>;
  /** The next event that has not been waited for. */
  nextEvent(): Promise<UsageEvent>;
  /** Resolves when everything that was admitted is settled or released. */
  settled(): Promise<void>;
  drain(waitMs: number): Promise<void>;
  /** What /readyz says of upstreams. */
  passedOver(): string[];
}

export interface AskOptions {
  /** Default: that of `TEST_PRINCIPAL`. */
  readonly token?: string;
  readonly path?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly signal?: AbortSignal;
}

export const MODEL = 'claude-opus-4-8';
export const PROMPT = { model: MODEL, max_tokens: 64, messages: [{ role: 'user', content: 'hi' }] };

export function tokenOf(sub: string): string {
  return `token-of-${sub}`;
}

export function anthropicAt(url: string, name = 'a', models?: string[]): Upstream {
  return createAnthropicUpstream(
    {
      provider: 'anthropic',
      name,
      base_url: url,
      headers: {},
      ...(models === undefined ? {} : { models }),
      auth: { kind: 'api_key', secret: createSecret(`key-of-${name}`) },
      forward_user_identity: false,
    },
    { version: '0.0.0-test', clock: createTestClock(), log: createMemoryLog() },
  );
}

export async function openMessagesGateway(
  options: MessagesGatewayOptions,
): Promise<MessagesGateway> {
  const clock = createTestClock();
  const log = createMemoryLog();
  const store = await wholeStore(openMemoryQuotaStore({ clock }));
  const quota = options.quota?.(store) ?? store;
  if (options.caps !== undefined)
    await store.publishCaps({ version: 1, caps: options.caps, budgets: options.budgets ?? [] });
  const events: UsageEvent[] = [];
  const unread: UsageEvent[] = [];
  const waiting: ((event: UsageEvent) => void)[] = [];
  const settings: MessagesSettings = {
    reservation: 'estimate',
    groupLimitMode: 'min',
    failClosedOnError: false,
    blockedMessage: null,
    ttfbMs: 5_000,
    maxRequestBytes: 33_554_432,
    capsEnabled: true,
    reservationTtlMs: 60_000,
    billingGroupTag: null,
    ...options.settings,
  };
  const catalogue =
    options.catalogue ?? createCatalogue({ models: [], autoIncludeBuiltinModels: true });
  const book = createPriceBook({ overrides: [], multiplierMillionths: 1_000_000 });
  const plain = { places: new Map(), failover: 'any', rules: [] } as const;
  const routing = createRouting({ ...plain, ...options.routing });
  const temporary = mkdtempSync(join(tmpdir(), 'tallygate-spool-'));
  const spool = openFileSpool({ directory: options.spoolDirectory ?? temporary, log });
  const messages = createMessagesRoutes({
    quota,
    spool,
    bus: {
      async publish(_topic, { data }) {
        const event = decodeUsageEvent(data);
        await options.publish?.(event);
        events.push(event);
        const waiter = waiting.shift();
        if (waiter === undefined) unread.push(event);
        else waiter(event);
      },
    },
    policy: () => ({ mayUse: (_principal, model) => options.mayUse?.(model) ?? true }),
    catalogue: () => catalogue,
    priceBook: () => book,
    upstreams: () => options.upstreams,
    routing: () => routing,
    settings: () => settings,
    clock,
    log,
  });
  const gates = { requestBytesMax: 64 * 1024 * 1024 };
  const report = createUsageReportRoute({ quota, admin: () => settings, clock, log });
  const people = new Map([[TEST_TOKEN, TEST_PRINCIPAL]]);
  for (const person of options.people ?? []) {
    const { sub } = person;
    people.set(tokenOf(sub), { ...TEST_PRINCIPAL, email: null, sessionId: sub, ...person });
  }
  const verify = options.verify ?? (async (token: string) => people.get(token) ?? null);
  const server = await startHttp([...messages.routes, report], {
    ...{ clock, log, gates, verify },
    ...(options.overload === undefined ? {} : { overload: options.overload }),
  });
  return {
    url: server.url,
    port: server.port,
    clock,
    log,
    quota,
    spool,
    events,
    ask: (body, { token = TEST_TOKEN, path = '/v1/messages', headers, signal } = {}) =>
      fetch(`${server.url}${path}`, {
        method: 'POST',
        headers: {
          authorization: `Bearer ${token}`,
          'content-type': 'application/json',
          ...headers,
        },
        body: typeof body === 'string' ? body : JSON.stringify(body),
        ...(signal === undefined ? {} : { signal }),
      }),
    usage: (token = TEST_TOKEN) =>
      fetch(`${server.url}/api/oauth/usage`, { headers: { authorization: `Bearer ${token}` } }),
    nextEvent() {
      const first = unread.shift();
      if (first !== undefined) return Promise.resolve(first);
      return new Promise((resolve) => waiting.push(resolve));
    },
    settled: () => messages.drain(60_000),
    drain: (waitMs) => messages.drain(waitMs),
    passedOver: () => messages.passedOver(),
    async [Symbol.asyncDispose]() {
      await server.close();
      await messages[Symbol.asyncDispose]();
      await spool[Symbol.asyncDispose]();
      rmSync(temporary, { recursive: true });
    },
  };
}

/** What the account of the test's principal holds this month. */
export async function standing(quota: QuotaStore, nowMs: number) {
  const spend = await quota.spend([`user:${TEST_PRINCIPAL.sub}`], nowMs);
  const month = spend.find(({ period }) => period === 'monthly');
  return { pending: month?.pendingMicroUsd, reserved: month?.reservedMicroUsd };
}
