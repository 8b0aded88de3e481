// POST /v1/messages/count_tokens: the same line without admission and without metering. Counting costs
// nothing, so nobody is capped; a revoked session is refused before it comes here.

import { AppError } from '#shared/errors/app-error.ts';
import type { SessionExchange } from '#shared/http/route.ts';
import { openInferenceAudit } from './audit-inference.ts';
import { watchDeparture } from './departure.ts';
import { forward } from './forward.ts';
import { answer, understand, upstreamRequest } from './message-steps.ts';
import type { MessagesParts } from './messages.ts';
import { readBody } from './request-body.ts';
import { billingTagOf } from './tags.ts';

export function createCountTokens({
  deps,
  connections,
  circuits,
  keepAlives,
}: Pick<MessagesParts, 'deps' | 'connections' | 'circuits' | 'keepAlives'>) {
  const { log } = deps;
  const now = () => deps.clock.now();

  return async function countTokens(exchange: SessionExchange): Promise<void> {
    const { req, res, requestId, principal, receivedAtMs } = exchange;
    const settings = deps.settings();
    const body = await readBody(req, settings.maxRequestBytes);
    const understood = understand(deps, exchange, body);
    if (understood.outcome === 'refused') {
      throw new AppError('invalid_request', understood.message);
    }
    const { facts, candidates } = understood;
    const departure = watchDeparture(res);
    const tag = billingTagOf(facts.tags, settings.billingGroupTag, principal.groups);
    const elapsedMs = () => now() - receivedAtMs;
    const audit = openInferenceAudit(log, exchange, { model: facts.model, tag, elapsedMs });
    const forwarded = await forward(
      { connections, circuits, keepAlives, now, log },
      {
        request: upstreamRequest(exchange, 'count_tokens', body, facts, settings),
        ...{ candidates, res, departure, requestId },
        configured: deps.upstreams().length,
        ttfbMs: settings.ttfbMs,
        successHeaders: {},
        onProgress: () => undefined,
        onStream: audit.streams,
        onStarted: () => undefined,
      },
    );
    audit.ends(forwarded);
    answer(exchange, forwarded, departure);
  };
}
