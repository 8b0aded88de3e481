// What is remembered of a request to bill it: facts and prices, never its body or its socket.

import { randomUUIDv7 } from 'node:crypto';
import type { IncomingHttpHeaders } from 'node:http';
import type { AccountId } from '#shared/domain/account.ts';
import { ZERO } from '#shared/domain/money.ts';
import type { PriceBook } from '#shared/domain/pricing.ts';
import type { Principal } from '#shared/domain/principal.ts';
import type { Usage } from '#shared/domain/usage.ts';
import type { Outcome, UsageEvent } from '#shared/domain/usage-event.ts';
import type { Candidate } from './plan.ts';
import type { PricedPlace } from './reservation.ts';
import type { BillingTag } from './tags.ts';
import type { TokenBounds } from './token-density.ts';

export interface Ticket {
  readonly id: string;
  readonly admittedAtMs: number;
  readonly promptBytes: number;
  readonly bounds: TokenBounds;
  readonly requestedModel: string;
  readonly requestId: string;
  readonly book: PriceBook;
  readonly person: Pick<UsageEvent, 'sub' | 'email' | 'name' | 'groups'>;
  readonly client: Pick<UsageEvent, 'sessionId' | 'agentId' | 'clientVersion'>;
  /** Null: the operator gave billing groups no tag. */
  readonly tag: BillingTag | null;
}

/** Admitted: it is known what it is charged to. */
export interface ChargedTicket extends Ticket {
  readonly accounts: readonly AccountId[];
}

export interface TicketOptions {
  readonly principal: Principal;
  readonly headers: IncomingHttpHeaders;
  readonly requestId: string;
  readonly promptBytes: number;
  readonly bounds: TokenBounds;
  readonly requestedModel: string;
  readonly tag: BillingTag | null;
  readonly book: PriceBook;
  readonly nowMs: number;
}

export interface Ended {
  readonly usage: Usage;
  readonly outcome: Outcome;
  readonly estimated: boolean;
  readonly status: number;
  readonly ttfbMs: number | null;
  readonly durationMs: number;
  readonly upstreamRequestId: string | null;
}

const HEADER_ID = /^[\x21-\x7e]{1,128}$/;
const CLIENT_VERSION = /^claude-cli\/([\w.+-]{1,64})/;

export function openTicket(options: TicketOptions): Ticket {
  const { principal, headers } = options;
  const { sub, email, name, groups } = principal;
  return {
    id: randomUUIDv7(),
    admittedAtMs: options.nowMs,
    promptBytes: options.promptBytes,
    bounds: options.bounds,
    requestedModel: options.requestedModel,
    requestId: options.requestId,
    book: options.book,
    person: { sub, email, name, groups },
    client: {
      sessionId: sessionIdOf(headers),
      agentId: headerId(headers['x-claude-code-agent-id']),
      clientVersion: CLIENT_VERSION.exec(headers['user-agent'] ?? '')?.[1] ?? null,
    },
    tag: options.tag,
  };
}

export function placeOf({ upstream, upstreamModel }: Candidate): PricedPlace {
  const { ref, endpoint } = upstream;
  return { upstream: ref.name, provider: ref.provider, endpoint, upstreamModel };
}

/** The conversation, as the client names it. */
export function sessionIdOf(headers: IncomingHttpHeaders): string | null {
  return headerId(headers['x-claude-code-session-id']);
}

/** The event of a request, priced as the upstream that served it is. Null: no upstream could. */
export function usageEvent(
  ticket: ChargedTicket,
  candidate: Candidate | null,
  ended: Ended,
): UsageEvent {
  const priced = candidate === null ? null : price(ticket, candidate, ended.usage);
  return {
    version: 1,
    id: ticket.id,
    timeMs: ticket.admittedAtMs,
    ...ticket.person,
    accounts: ticket.accounts,
    billingGroup: ticket.tag?.group ?? null,
    ...ticket.client,
    requestedModel: ticket.requestedModel,
    servedModel: candidate?.upstreamModel ?? ticket.requestedModel,
    upstream: candidate?.upstream.ref.name ?? '',
    provider: candidate?.upstream.ref.provider ?? '',
    region: candidate?.upstream.region ?? null,
    priceBook: priced?.book ?? ticket.book.version,
    priceRow: priced?.row ?? '',
    costMicroUsd: priced?.costMicroUsd ?? ZERO,
    requestId: ticket.requestId,
    ...ended,
  };
}

function price(ticket: Ticket, candidate: Candidate, usage: Usage) {
  return ticket.book.price({
    ...placeOf(candidate),
    requestedModel: ticket.requestedModel,
    usage,
    atMs: ticket.admittedAtMs,
  });
}

function headerId(value: string | string[] | undefined): string | null {
  return typeof value === 'string' && HEADER_ID.test(value) ? value : null;
}
