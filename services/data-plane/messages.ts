// POST /v1/messages: the straight line. Every step returns a value that the next one uses; nothing is
// written to the request, and whoever is refused costs no upstream anything.
//
// Cost: one scan of the body, one round trip to the quota store, one upstream request; the answer
// passes chunk by chunk. Settling is not waited for.

import { AppError } from '#shared/errors/app-error.ts';
import { encodeDraft } from '#shared/events/usage-v1.ts';
import type { SessionExchange } from '#shared/http/route.ts';
import { createAdmit } from './admit.ts';
import { openInferenceAudit } from './audit-inference.ts';
import type { Circuits } from './circuits.ts';
import { conclude } from './conclude.ts';
import type { Connections } from './connections.ts';
import { watchDeparture } from './departure.ts';
import type { Emitter } from './emit.ts';
import { forward } from './forward.ts';
import type { KeepAlives } from './keep-alive.ts';
import type { LiveRequests } from './live-requests.ts';
import {
  answer,
  boundsOf,
  capNames,
  draftOf,
  liveRequest,
  type Progress,
  reservationFor,
  type Understood,
  understand,
  upstreamRequest,
} from './message-steps.ts';
import type { MessagesDeps, MessagesSettings } from './messages-deps.ts';
import { type RequestBody, readBody } from './request-body.ts';
import { createEstimator } from './reservation.ts';
import { billingTagOf } from './tags.ts';
import { type ChargedTicket, openTicket } from './ticket.ts';
import { renderStandingHeaders } from './usage-headers.ts';
import { writeRefusal } from './write-reply.ts';

export interface MessagesParts {
  readonly deps: MessagesDeps;
  readonly connections: Connections;
  readonly circuits: Circuits;
  readonly keepAlives: KeepAlives;
  readonly emitter: Emitter;
  readonly live: LiveRequests;
}

interface Served {
  readonly ticket: ChargedTicket;
  readonly body: RequestBody;
  readonly settings: MessagesSettings;
  readonly understood: Extract<Understood, { outcome: 'places' }>;
  readonly successHeaders: Readonly<Record<string, string>>;
}

export function createMessages(parts: MessagesParts) {
  const { deps, connections, circuits, keepAlives, emitter, live } = parts;
  const { log } = deps;
  const now = () => deps.clock.now();
  const estimator = createEstimator();
  const admit = createAdmit(deps);

  return async function messages(exchange: SessionExchange): Promise<void> {
    const { req, principal, requestId } = exchange;
    const settings = deps.settings();
    const body = await readBody(req, settings.maxRequestBytes);
    const understood = understand(deps, exchange, body);
    const isServable = understood.outcome === 'places';
    const tags = isServable ? understood.facts.tags : null;
    const ticket = openTicket({
      principal,
      headers: req.headers,
      requestId,
      promptBytes: body.bytes,
      bounds: boundsOf(understood),
      requestedModel: isServable ? understood.facts.model : understood.model,
      tag: billingTagOf(tags, settings.billingGroupTag, principal.groups),
      book: deps.priceBook(),
      nowMs: now(),
    });
    const first = isServable ? (understood.candidates[0] ?? null) : null;
    const nowMs = ticket.admittedAtMs;
    const gate = await admit({
      id: ticket.id,
      principal,
      nowMs,
      models: () => capNames(understood),
      reserve: reservationFor(estimator, settings, ticket, understood, body),
      draft: (accounts) => encodeDraft(draftOf({ ...ticket, accounts }, first, null, nowMs)),
      settings,
    });
    if (gate.outcome !== 'admitted') {
      // The store may have placed it, and only its answer was lost.
      if (gate.outcome === 'closed') emitter.release(ticket.id);
      const { blockedMessage } = settings;
      return writeRefusal(exchange, gate, { blockedMessage, nowMs, log });
    }
    if (!isServable) {
      emitter.release(ticket.id);
      throw new AppError('invalid_request', understood.message);
    }
    const successHeaders = renderStandingHeaders(gate.standings, nowMs);
    const charged = { ...ticket, accounts: gate.accounts };
    return serve(exchange, { ticket: charged, body, settings, understood, successHeaders });
  };

  async function serve(exchange: SessionExchange, served: Served): Promise<void> {
    const { res, requestId } = exchange;
    const { ticket, body, settings, understood, successHeaders } = served;
    const { facts, candidates } = understood;
    const departure = watchDeparture(res);
    const request = upstreamRequest(exchange, 'messages', body, facts, settings);
    const progress: Progress = { candidate: candidates[0] ?? null, relay: null };
    const elapsedMs = () => now() - ticket.admittedAtMs;
    const audit = openInferenceAudit(log, exchange, {
      ...{ model: facts.model, tag: ticket.tag, elapsedMs },
    });
    const alive = liveRequest(ticket, progress, departure, now);
    live.add(alive);
    try {
      const forwarded = await forward(
        { connections, circuits, keepAlives, now, log },
        {
          ...{ request, candidates, res, departure, requestId, successHeaders },
          configured: deps.upstreams().length,
          ttfbMs: settings.ttfbMs,
          onProgress: (candidate, relay) => Object.assign(progress, { candidate, relay }),
          onStream: audit.streams,
          onStarted: () => body.chunks.splice(0),
        },
      );
      const askable = body.chunks.length > 0 ? request : null;
      conclude({ connections, emitter, estimator, now, log }, ticket, forwarded, askable);
      audit.ends(forwarded);
      answer(exchange, forwarded, departure);
    } finally {
      live.remove(alive);
    }
  }
}
