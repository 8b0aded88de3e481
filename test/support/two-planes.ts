// Two data planes in this process on one quota store, as two machines on one Redis, and a crowd that
// asks both of them at once.

import { openMemoryQuotaStore } from '#shared/adapters/quota-store/memory.ts';
import type { Budget, Cap } from '#shared/domain/cap.ts';
import type { QuotaStore } from '#shared/ports/quota-store.ts';
import type { MessagesSettings } from '../../services/data-plane/messages-deps.ts';
import { createTestClock } from './clock.ts';
import { anthropicAt, type MessagesGateway, openMessagesGateway } from './messages-gateway.ts';
import { wholeStore } from './quota.ts';
import { answers, type Behaviour, type FakeUpstream, openFakeUpstream } from './upstream.ts';

export interface TwoPlanesOptions {
  readonly caps?: readonly Cap[];
  readonly budgets?: readonly Budget[];
  readonly settings?: Partial<MessagesSettings>;
  readonly people?: readonly { readonly sub: string; readonly groups: readonly string[] }[];
}

export interface TwoPlanes extends AsyncDisposable {
  readonly gateways: readonly [MessagesGateway, MessagesGateway];
  readonly upstream: FakeUpstream;
  readonly quota: QuotaStore;
  /** Resolves when everything that was admitted is settled or released. */
  settled(): Promise<void>;
}

export async function openTwoPlanes(options: TwoPlanesOptions = {}): Promise<TwoPlanes> {
  await using opening = new AsyncDisposableStack();
  const upstream = opening.use(await openFakeUpstream());
  const quota = opening.use(await wholeStore(openMemoryQuotaStore({ clock: createTestClock() })));
  const { caps = [], budgets = [], ...rest } = options;
  await quota.publishCaps({ version: 1, caps, budgets });
  const open = async () =>
    opening.use(
      await openMessagesGateway({
        upstreams: [anthropicAt(upstream.url)],
        quota: () => quota,
        ...rest,
      }),
    );
  const gateways = [await open(), await open()] as const;
  const opened = opening.move();
  return {
    ...{ gateways, upstream, quota },
    async settled() {
      await Promise.all(gateways.map((gateway) => gateway.settled()));
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

/**
 * So many requests at once, half at each plane: no answer comes before every one of them is at the
 * model or refused. Resolves with their statuses.
 */
export async function crowd(
  { gateways, upstream }: TwoPlanes,
  count: number,
  body: object,
  behaviour: Behaviour = answers(),
): Promise<number[]> {
  const everyone = Promise.withResolvers<void>();
  let placed = 0;
  const place = () => {
    placed += 1;
    if (placed === count) everyone.resolve();
  };
  upstream.behave(async (res, seen) => {
    place();
    await everyone.promise;
    await behaviour(res, seen);
  });
  const text = JSON.stringify(body);
  const asked = Array.from({ length: count }, async (_, nth) => {
    const response = await gateways[nth % 2 === 0 ? 0 : 1].ask(text);
    if (response.status !== 200) place();
    await response.text();
    return response.status;
  });
  return Promise.all(asked);
}
