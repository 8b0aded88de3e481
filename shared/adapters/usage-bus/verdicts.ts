// What a handler's answer means for each delivery, the same for every bus.

import type { BatchResult, Delivery, SubscribeOptions, Topic } from '#shared/ports/usage-bus.ts';
import type { Log } from '#shared/telemetry/log.ts';

export interface Judged {
  readonly delivery: Delivery;
  readonly reason: string;
}

/** Every delivery of a batch is in one list. */
export interface Verdicts {
  readonly acknowledged: readonly Delivery[];
  /** To be delivered again after a pause. */
  readonly failed: readonly Judged[];
  /** For the dead letters. */
  readonly dead: readonly Judged[];
}

/** Never rejects: a handler that throws has failed its whole batch. */
export async function judge(
  batch: readonly Delivery[],
  handle: SubscribeOptions['handle'],
  attemptsMax: number,
): Promise<Verdicts> {
  const result = await answerOf(handle, batch);
  const hopeless = new Map(result.dead?.map(({ id, reason }) => [id, reason]));
  const faulty = new Map(result.failed?.map(({ id, reason }) => [id, reason]));
  const acknowledged: Delivery[] = [];
  const failed: Judged[] = [];
  const dead: Judged[] = [];
  for (const delivery of batch) {
    const reason = hopeless.get(delivery.id) ?? faulty.get(delivery.id);
    if (reason === undefined) acknowledged.push(delivery);
    else if (hopeless.has(delivery.id) || delivery.attempt >= attemptsMax) {
      dead.push({ delivery, reason });
    } else failed.push({ delivery, reason });
  }
  return { acknowledged, failed, dead };
}

async function answerOf(
  handle: SubscribeOptions['handle'],
  batch: readonly Delivery[],
): Promise<BatchResult> {
  try {
    return await handle(batch);
  } catch (caught) {
    const reason = reasonOf(caught);
    return { failed: batch.map(({ id }) => ({ id, reason })) };
  }
}

/** A parser's message quotes what it read, which must not reach a log or a dead letter. */
function reasonOf(caught: unknown): string {
  if (!(caught instanceof Error)) return 'the handler threw something that is not an error';
  return caught instanceof SyntaxError ? caught.name : `${caught.name}: ${caught.message}`;
}

export function reportVerdicts(
  topic: Topic,
  { failed, dead }: Pick<Verdicts, 'failed' | 'dead'>,
  log: Log | undefined,
): void {
  for (const { delivery, reason } of dead) {
    const { id, attempt } = delivery;
    log?.error('a message was dead-lettered', { topic, id, attempts: attempt, reason });
  }
  if (failed.length > 0) {
    log?.warn('messages failed and come again', { topic, messages: failed.length });
  }
}
