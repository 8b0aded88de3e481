// The two routes of the model and what they hold open.

import type { Route } from '#shared/http/route.ts';
import { openCircuits } from './circuits.ts';
import { openConnections } from './connections.ts';
import { createCountTokens } from './count-tokens.ts';
import { createEmitter } from './emit.ts';
import { openKeepAlives } from './keep-alive.ts';
import { openLiveRequests } from './live-requests.ts';
import { createMessages } from './messages.ts';
import type { MessagesDeps } from './messages-deps.ts';
import type { Vitals } from './own-metrics.ts';

export interface MessagesRoutes extends AsyncDisposable {
  readonly routes: readonly Route[];
  /**
   * Call it when no new request comes: waits so long for open ones, then ends them with an error that
   * clients retry, and resolves when all usage is recorded.
   */
  drain(waitMs: number): Promise<void>;
  /** A sentence on each upstream that is passed over for now. */
  passedOver(): string[];
  /** For the gateway's own metrics. */
  readonly vitals: Vitals;
}

export function createMessagesRoutes(deps: MessagesDeps): MessagesRoutes {
  const connections = openConnections();
  const emitter = createEmitter(deps);
  const live = openLiveRequests(deps);
  const circuits = openCircuits({ now: () => deps.clock.now(), log: deps.log });
  const keepAlives = openKeepAlives(() => deps.clock.now());
  const parts = { deps, connections, circuits, keepAlives, emitter, live };
  return {
    routes: [
      {
        path: '/v1/messages',
        methods: ['POST'],
        access: 'session',
        mayBeShed: true,
        // Admission asks for it in the same round trip.
        revocation: 'in_handler',
        handle: createMessages(parts),
      },
      {
        path: '/v1/messages/count_tokens',
        methods: ['POST'],
        access: 'session',
        mayBeShed: true,
        handle: createCountTokens(parts),
      },
    ],
    passedOver: () => circuits.open(deps.upstreams()),
    vitals: {
      circuits: () => circuits.states(deps.upstreams()),
      openRequests: () => live.size,
    },
    async drain(waitMs) {
      await live.drain(waitMs);
      await emitter.flush();
    },
    async [Symbol.asyncDispose]() {
      emitter[Symbol.dispose]();
      keepAlives[Symbol.dispose]();
      await live[Symbol.asyncDispose]();
      await connections[Symbol.asyncDispose]();
    },
  };
}
