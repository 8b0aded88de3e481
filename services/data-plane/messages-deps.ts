// What the Messages routes are given. Getters are read for each request, so that a reload of the
// configuration takes effect at the next one.

import type { GroupLimitMode } from '#shared/domain/cap.ts';
import type { Catalogue } from '#shared/domain/catalogue.ts';
import type { Clock } from '#shared/domain/clock.ts';
import type { PriceBook } from '#shared/domain/pricing.ts';
import type { Principal } from '#shared/domain/principal.ts';
import type { QuotaStore } from '#shared/ports/quota-store.ts';
import type { UsageBus } from '#shared/ports/usage-bus.ts';
import type { UsageSpool } from '#shared/ports/usage-spool.ts';
import type { Log } from '#shared/telemetry/log.ts';
import type { Routing } from './plan.ts';
import type { ReservationMode } from './reservation.ts';
import type { Upstream } from './upstreams/upstream.ts';

export interface MessagesSettings {
  readonly reservation: ReservationMode;
  readonly groupLimitMode: GroupLimitMode;
  readonly failClosedOnError: boolean;
  /** The operator's words after a refusal. */
  readonly blockedMessage: string | null;
  /** How long an upstream may take to its response headers. */
  readonly ttfbMs: number;
  readonly maxRequestBytes: number;
  /** False without an admin block: nobody is capped, everything is counted. */
  readonly capsEnabled: boolean;
  /** How long a reservation outlives the last sign of life of its data plane. */
  readonly reservationTtlMs: number;
  /** The key in `tags` that names a billing group; then no upstream gets tags. Null: none does. */
  readonly billingGroupTag: string | null;
}

export interface MessagesDeps {
  readonly quota: QuotaStore;
  readonly bus: Pick<UsageBus, 'publish'>;
  readonly spool: UsageSpool;
  readonly policy: () => { mayUse(principal: Principal, requestedModel: string): boolean };
  readonly catalogue: () => Catalogue;
  readonly priceBook: () => PriceBook;
  readonly upstreams: () => readonly Upstream[];
  readonly routing: () => Routing;
  readonly settings: () => MessagesSettings;
  readonly clock: Clock;
  readonly log: Log;
}
