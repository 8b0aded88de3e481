// The smaller steps of POST /v1/messages and its sibling: each takes values and returns one.

import type { Charge } from '#shared/domain/cap.ts';
import { modelNames } from '#shared/domain/model-names.ts';
import { type MicroUsd, ZERO } from '#shared/domain/money.ts';
import { AppError } from '#shared/errors/app-error.ts';
import { encodeDraft } from '#shared/events/usage-v1.ts';
import type { SessionExchange } from '#shared/http/route.ts';
import { estimatedUsage, owedFor } from './bill.ts';
import type { Departure } from './departure.ts';
import type { Forwarded } from './forward.ts';
import type { LiveRequest } from './live-requests.ts';
import type { MessagesDeps, MessagesSettings } from './messages-deps.ts';
import { type Candidate, type Plan, planFor } from './plan.ts';
import { readReach } from './prompt-reach.ts';
import type { Relay } from './relay.ts';
import type { RequestBody } from './request-body.ts';
import { type Estimator, heldBack } from './reservation.ts';
import { type MessageFacts, scanMessageRequest } from './scan.ts';
import { type ChargedTicket, placeOf, sessionIdOf, type Ticket, usageEvent } from './ticket.ts';
import { type TokenBounds, tokenBounds } from './token-density.ts';
import type { Operation, UpstreamRequest } from './upstreams/upstream.ts';
import { writeReply } from './write-reply.ts';

/** A request that can be put to upstreams, or the sentence that says why it cannot. */
export type Understood =
  | {
      readonly outcome: 'places';
      readonly facts: MessageFacts;
      readonly candidates: readonly Candidate[];
      /** The longest prompt that the model reads; null: not known. */
      readonly contextTokens: number | null;
      /** Empty where the model's id names none. */
      readonly family: string;
    }
  | { readonly outcome: 'refused'; readonly message: string; readonly model: string };

export function understand(
  deps: MessagesDeps,
  { principal, req }: SessionExchange,
  body: RequestBody,
): Understood {
  const scan = scanMessageRequest(body.chunks);
  if (scan.outcome === 'bad') return { outcome: 'refused', message: scan.message, model: '' };
  const { facts } = scan;
  const catalogue = deps.catalogue();
  const plan: Plan = planFor({
    model: facts.model,
    principal,
    policy: deps.policy(),
    catalogue,
    upstreams: deps.upstreams(),
    routing: deps.routing(),
    stickyKey: sessionIdOf(req.headers) ?? principal.sub,
  });
  if (plan.outcome === 'refused') return { ...plan, model: facts.model.slice(0, 256) };
  const model = catalogue.find(facts.model);
  const contextTokens = model?.maxInputTokens ?? null;
  return { ...plan, facts, contextTokens, family: model?.family ?? '' };
}

/** What it can use at most. */
export function boundsOf(understood: Understood): TokenBounds {
  if (understood.outcome === 'refused') return tokenBounds(0, null);
  return tokenBounds(understood.facts.maxTokens, understood.contextTokens);
}

/** The names that caps may have for the model; none for a request that will be refused. */
export function capNames(understood: Understood): readonly string[] {
  if (understood.outcome === 'refused') return [];
  return modelNames(understood.facts.model, understood.family);
}

/** What is set aside; nothing for a request that will be refused. */
export function reservationFor(
  estimator: Estimator,
  { reservation }: MessagesSettings,
  ticket: Ticket,
  understood: Understood,
  { chunks }: RequestBody,
): (charge: Charge) => MicroUsd {
  if (understood.outcome === 'refused') return () => ZERO;
  const { facts, candidates } = understood;
  const wanted = estimator.reserve({
    mode: reservation,
    promptBytes: ticket.promptBytes,
    bounds: ticket.bounds,
    reach: () => readReach(chunks),
    isFast: facts.isFast,
    requestedModel: ticket.requestedModel,
    places: candidates.map(placeOf),
    book: ticket.book,
    atMs: ticket.admittedAtMs,
  });
  return (charge) => heldBack(reservation, wanted, charge);
}

/** The request as the upstreams get it. */
export function upstreamRequest(
  { req, url, principal }: SessionExchange,
  operation: Operation,
  body: RequestBody,
  facts: MessageFacts,
  { billingGroupTag }: MessagesSettings,
): Omit<UpstreamRequest, 'upstreamModel'> {
  return {
    operation,
    search: url.search,
    headers: req.headers,
    chunks: body.chunks,
    scanned: facts.scanned,
    isStream: facts.isStream,
    requestedModel: facts.model,
    dropTags: billingGroupTag !== null,
    principal,
  };
}

/** A whole, billable event from what is known at the moment: what a killed process's request costs. */
export function draftOf(
  ticket: ChargedTicket,
  candidate: Candidate | null,
  relay: Relay | null,
  nowMs: number,
) {
  const metered = relay?.read().metered;
  const owed =
    metered === undefined
      ? null
      : owedFor({ ending: 'client_gone', status: 200, metered, ...ticket });
  const estimate = estimatedUsage(candidate === null ? 0 : ticket.promptBytes, 0, ticket.bounds);
  return usageEvent(ticket, candidate, {
    usage: owed === null || owed.type === 'nothing' ? estimate : owed.usage,
    outcome: 'orphaned',
    estimated: true,
    status: 0,
    ttfbMs: null,
    durationMs: Math.max(0, nowMs - ticket.admittedAtMs),
    upstreamRequestId: null,
  });
}

export interface Progress {
  candidate: Candidate | null;
  relay: Relay | null;
}

/** How the one timer sees a request. */
export function liveRequest(
  ticket: ChargedTicket,
  progress: Progress,
  departure: Departure,
  now: () => number,
): LiveRequest {
  return {
    id: ticket.id,
    place: -1,
    progress() {
      const draft = draftOf(ticket, progress.candidate, progress.relay, now());
      return { amountMicroUsd: draft.costMicroUsd, draft: encodeDraft(draft) };
    },
    cut: () => departure.cut(),
  };
}

/** What the client still has to be told. @throws AppError to be answered with its envelope. */
export function answer({ res }: SessionExchange, forwarded: Forwarded, departure: Departure): void {
  switch (forwarded.outcome) {
    case 'refused':
      writeReply(res, forwarded.reply);
      return;
    case 'failed':
      throw forwarded.error;
    case 'streamed':
      if (forwarded.error !== null) throw forwarded.error;
      return;
    case 'left':
      if (departure.left === 'client_gone') return;
      throw new AppError('overloaded', 'the gateway is restarting; send the request again', {
        retryAfterSeconds: 1,
      });
  }
}
