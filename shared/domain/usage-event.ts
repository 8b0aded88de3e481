import type { AccountId } from './account.ts';
import type { MicroUsd } from './money.ts';
import type { Usage } from './usage.ts';

/** `complete`: the upstream's count; `aborted`: what was streamed; `orphaned`: its data plane died. */
export type Outcome = 'complete' | 'aborted' | 'orphaned';

/**
 * `usage.v1`: the fact that travels from the data plane to the ledger. Additive changes only.
 * The id is a UUIDv7 and also the id of the reservation, so that a late or lost answer of the quota
 * store is always settled under the same key. No prompt or completion content.
 */
export interface UsageEvent {
  readonly version: 1;
  readonly id: string;
  /** When the request was admitted, epoch milliseconds: the period it is billed to. */
  readonly timeMs: number;
  readonly sub: string;
  readonly email: string | null;
  readonly name: string | null;
  readonly groups: readonly string[];
  /** What it is charged to: the person, and the budgets and model caps that held when it was admitted. */
  readonly accounts: readonly AccountId[];
  readonly billingGroup: string | null;
  readonly sessionId: string | null;
  readonly agentId: string | null;
  readonly clientVersion: string | null;
  readonly requestedModel: string;
  readonly servedModel: string;
  readonly upstream: string;
  readonly provider: string;
  readonly region: string | null;
  readonly usage: Usage;
  readonly priceBook: string;
  readonly priceRow: string;
  readonly costMicroUsd: MicroUsd;
  /** HTTP status the client got; 0 when it got none. */
  readonly status: number;
  readonly outcome: Outcome;
  /** True where a count is ours and not the upstream's. */
  readonly estimated: boolean;
  readonly ttfbMs: number | null;
  readonly durationMs: number;
  readonly requestId: string;
  readonly upstreamRequestId: string | null;
}
