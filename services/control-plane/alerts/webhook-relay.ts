// alert.v1 → every webhook that wants the type, each with its own retries and dead letters. On the bus
// a webhook is named by a hash of its URL, which may hold a secret.

import type { Clock } from '#shared/domain/clock.ts';
import { AppError } from '#shared/errors/app-error.ts';
import { type AlertEvent, decodeAlert } from '#shared/events/alert-v1.ts';
import type { Delivery, Subscription, UsageBus } from '#shared/ports/usage-bus.ts';
import type { Log } from '#shared/telemetry/log.ts';
import { fanOut, shortHash } from '../delivery/fan-out.ts';
import { createLines, type SendOver } from '../delivery/lines.ts';
import { type Fate, subscribePatiently } from '../delivery/patient-subscription.ts';
import type { Webhook, WebhookSender } from './webhook-sender.ts';

export interface WebhookRelayDeps {
  readonly bus: Pick<UsageBus, 'publish' | 'subscribe'>;
  /** Those of the configuration in force; none: alerts are taken off the bus and that is all. */
  readonly webhooks: () => readonly Webhook[];
  readonly send: WebhookSender;
  readonly clock: Clock;
  readonly log: Log;
  readonly batchBudgetMs?: number;
}

const DESTINATION = 'destination';

/** Subscribes at once; disposing waits for deliveries that have begun. */
export function createWebhookRelay(deps: WebhookRelayDeps): Subscription {
  const { bus, log, batchBudgetMs = 2000 } = deps;
  const sendOver = createLines({
    ...deps,
    words: { failing: 'a webhook is failing; its alerts wait', works: 'a webhook works again' },
  });
  return subscribePatiently({
    bus,
    topic: 'alert.v1',
    handle: (delivery) => handle(deps, sendOver, delivery),
    log,
    brokenWords: 'an alert could not be relayed',
    batchBudgetMs,
  });
}

async function handle(
  deps: WebhookRelayDeps,
  sendOver: SendOver,
  delivery: Delivery,
): Promise<Fate> {
  const event = readAlert(delivery);
  if (typeof event === 'string') return { fate: 'dead', reason: event };
  const destination = delivery.attributes[DESTINATION];
  const takers = deps.webhooks().filter(({ events }) => events.includes(event.type));
  if (destination === undefined) {
    const branches = takers.map(({ url }) => ({
      key: url,
      attributes: { ...delivery.attributes, [DESTINATION]: shortHash(url) },
    }));
    return fanOut(deps.bus, 'alert.v1', delivery, branches);
  }
  const webhook = takers.find(({ url }) => shortHash(url) === destination);
  if (webhook === undefined) return { fate: 'dead', reason: 'its webhook is no longer configured' };
  const { url } = webhook;
  return sendOver({ key: url, host: new URL(url).host }, () =>
    deps.send(webhook, event.id, Buffer.from(delivery.data).toString('utf8')),
  );
}

/** Or why it can never be told. */
function readAlert({ data }: Delivery): AlertEvent | string {
  try {
    return decodeAlert(data);
  } catch (caught) {
    return AppError.from(caught).message;
  }
}
