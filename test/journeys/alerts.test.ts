// From a request that crosses a threshold to a webhook, over real HTTP and through the real program,
// which is killed on the way; and what becomes of receivers that fail, refuse or go.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openEmbeddedBus } from '#shared/adapters/usage-bus/embedded.ts';
import { encodeAlert } from '#shared/events/alert-v1.ts';
import { createWebhookRelay } from '../../services/control-plane/alerts/webhook-relay.ts';
import {
  createWebhookSender,
  type Webhook,
} from '../../services/control-plane/alerts/webhook-sender.ts';
import { createTestClock } from '../support/clock.ts';
import { type Collector, type CollectorAnswer, openCollector } from '../support/collector.ts';
import {
  adminCall,
  createGatewayHome,
  type GatewayProcess,
  gatewayYaml,
  mintSession,
  startGateway,
} from '../support/gateway.ts';
import { createMemoryLog } from '../support/log.ts';
import { temporaryDatabase } from '../support/sqlite-instance.ts';
import { untilTrue } from '../support/until.ts';
import { answers, openFakeUpstream } from '../support/upstream.ts';
import { verifiedAlert, WEBHOOK_SECRET } from '../support/webhook.ts';

/** At 3 USD for a million tokens. */
const THREE_CENTS = { input_tokens: 10_000 };

async function ask(gateway: GatewayProcess): Promise<number> {
  const response = await fetch(`${gateway.url}/v1/messages`, {
    method: 'POST',
    headers: {
      authorization: `Bearer ${await mintSession(gateway.url, 'dana')}`,
      'content-type': 'application/json',
    },
    body: JSON.stringify({
      model: 'claude-sonnet-4-6',
      max_tokens: 1,
      messages: [{ role: 'user', content: 'hello' }],
    }),
  });
  await response.text();
  return response.status;
}

/** The distinct alerts that came, each with its signature checked. */
function told({ exports }: Collector): (string | number)[][] {
  const alerts = new Map(
    exports.items.map((one) => verifiedAlert(one)).map((alert) => [alert.id, alert] as const),
  );
  return [...alerts.values()].map((alert) =>
    alert.type === 'spend.threshold'
      ? [alert.threshold_percent, alert.limit.amount_usd, alert.spent_usd, alert.account.type]
      : [alert.type],
  );
}

test('a cap that is crossed is told to a webhook, each threshold once, over a kill -9', async () => {
  await using model = await openFakeUpstream();
  model.behave(answers({ outputTokens: 0, usage: THREE_CENTS }));
  await using receiver = await openCollector();
  await using gone = await openCollector();
  await gone[Symbol.asyncDispose]();
  const more = `
enforcement: { reservation: none }
jobs: { every_seconds: { alerts: 0.5 } }
alerts:
  webhooks:
    - { url: "${gone.url}/gone", secret: ${WEBHOOK_SECRET} }
    - { url: "${receiver.url}/hook?key=k1", secret: ${WEBHOOK_SECRET} }`;
  await using home = await createGatewayHome(gatewayYaml({ upstreamUrl: model.url, more }));
  let gateway = await startGateway(home);
  await using _last = { [Symbol.asyncDispose]: () => gateway[Symbol.asyncDispose]() };
  const cap = { scope: { type: 'user', user_id: 'dana' }, period: 'monthly', amount: '10' };
  assert.equal((await adminCall(gateway.url, '', cap)).status, 200);

  assert.deepEqual([await ask(gateway), await ask(gateway)], [200, 200]);
  await receiver.exports.has(1);
  await gateway.end('SIGKILL');
  gateway = await startGateway(home);
  for (const count of [2, 3]) {
    assert.equal(await ask(gateway), 200);
    await untilTrue(async () => (told(receiver).length === count ? true : null));
  }
  assert.equal(await ask(gateway), 429);
  await gateway.printed(/"evt":"spend\.threshold".*"threshold_percent":100\b/);
  await gateway.end('SIGTERM');

  const rows = told(receiver).map(([percent, amount, spent, type]) => {
    assert.deepEqual([amount, type], ['0.10', 'user']);
    return [percent, spent];
  });
  assert.deepEqual(rows, [
    [50, '0.06'],
    [90, '0.09'],
    [100, '0.12'],
  ]);
  assert.equal(receiver.exports.items[0]?.path, '/hook?key=k1');
  assert.ok(!gateway.output().includes('k1'), 'the key in a URL is not logged');
});

const ALERT_ID = `alert_${'a'.repeat(32)}`;
const ALERT = encodeAlert({
  version: 1,
  id: ALERT_ID,
  type: 'pricing.unknown_model',
  timestamp: '2026-11-24T12:00:00.000Z',
  model: 'claude-next',
  requested_model: 'claude-next',
  upstream: 'vertex',
  price_book: '2026-11-01',
  day: '2026-11-24',
});
const FIRST_PAUSE_MS = 1_000;

function webhook({ url }: Pick<Collector, 'url'>, over: Partial<Webhook> = {}): Webhook {
  const events = ['spend.threshold', 'pricing.unknown_model'] as const;
  return { url: `${url}/hook`, secrets: [WEBHOOK_SECRET], events, ...over };
}

async function openRelay(webhooks: readonly Webhook[], attemptsMax = 10) {
  await using opening = new AsyncDisposableStack();
  const file = opening.use(temporaryDatabase());
  const clock = createTestClock();
  const log = createMemoryLog();
  const bus = opening.use(await openEmbeddedBus({ path: file.path, clock, attemptsMax, log }));
  const send = createWebhookSender({ userAgent: 'tallygate/test', timeoutMs: 10_000, clock });
  const relay = opening.use(
    createWebhookRelay({ bus, webhooks: () => webhooks, send, clock, log, batchBudgetMs: 5_000 }),
  );
  const owned = opening.move();
  return {
    ...{ bus, clock, log },
    async tell(id = ALERT_ID): Promise<void> {
      await bus.publish('alert.v1', { id, data: Buffer.from(ALERT), attributes: {} });
      await relay.idle();
    },
    async advance(ms: number): Promise<void> {
      clock.advance(ms);
      await relay.idle();
    },
    letters: () => bus.deadLetters('alert.v1', 10),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Answers with one status after another, then 204. */
function answering(...statuses: number[]): () => CollectorAnswer {
  return () => ({ status: statuses.shift() ?? 204 });
}

for (const status of [302, 400, 401, 404, 429, 500]) {
  test(`an alert that a webhook answers ${status} comes again, signed anew, to it alone`, async () => {
    const headers = { location: '/elsewhere' };
    const statuses = [status, status];
    await using shaky = await openCollector(() => ({ status: statuses.shift() ?? 200, headers }));
    await using steady = await openCollector();
    await using world = await openRelay([webhook(shaky), webhook(steady)]);
    await world.tell();
    for (let minute = 0; minute < 5; minute += 1) await world.advance(60_000);
    const came = shaky.exports.items;
    assert.deepEqual(
      came.map(({ path }) => path),
      ['/hook', '/hook', '/hook'],
    );
    assert.deepEqual(new Set(came.map((one) => verifiedAlert(one).id)), new Set([ALERT_ID]));
    assert.equal(new Set(came.map((one) => one.headers['webhook-timestamp'])).size, 3);
    assert.equal(steady.exports.items.length, 1);
    assert.deepEqual(await world.letters(), []);
  });
}

test('a webhook that cannot be reached is tried again, then dead-lettered', async () => {
  await using steady = await openCollector();
  const gone = await openCollector();
  await gone[Symbol.asyncDispose]();
  const webhooks = [webhook(gone), webhook(steady)];
  await using world = await openRelay(webhooks, 3);
  await world.tell();
  await world.advance(FIRST_PAUSE_MS);
  assert.deepEqual(await world.letters(), []);
  await world.advance(2 * FIRST_PAUSE_MS);
  const [letter, ...others] = await world.letters();
  assert.deepEqual(
    [others.length, letter?.attempts, letter?.reason],
    [0, 3, `${new URL(gone.url).host}: connection failed`],
  );
  assert.ok(world.log.lines.some(({ message }) => message === 'a message was dead-lettered'));
  assert.equal(steady.exports.items.length, 1);
});

test('a webhook that is gone (410) is told once and dead-lettered at once', async () => {
  await using collector = await openCollector(answering(410));
  await using world = await openRelay([webhook(collector)]);
  await world.tell();
  await world.advance(60_000);
  assert.equal(collector.exports.items.length, 1);
  assert.match((await world.letters())[0]?.reason ?? '', /: destination answered 410$/);
});

test('an alert goes to those that want its type; without any it leaves the bus', async () => {
  await using wanting = await openCollector();
  await using other = await openCollector();
  const webhooks = [webhook(other, { events: ['spend.threshold'] })];
  await using world = await openRelay(webhooks);
  await world.tell();
  webhooks.push(webhook(wanting));
  await world.advance(60_000);
  assert.equal(wanting.exports.items.length, 0, 'nothing piled up for it');
  await world.tell('another');
  assert.deepEqual([wanting.exports.items.length, other.exports.items.length], [1, 0]);
});

test('while a receiver changes its secret, both verify', async () => {
  const old = `whsec_${Buffer.alloc(24, 7).toString('base64')}`;
  await using collector = await openCollector();
  await using world = await openRelay([webhook(collector, { secrets: [WEBHOOK_SECRET, old] })]);
  await world.tell();
  const [came] = collector.exports.items;
  assert(came !== undefined);
  assert.equal(verifiedAlert(came).id, verifiedAlert(came, old).id);
});

test('what is not an alert, and what is for a webhook that was removed, is dead-lettered', async () => {
  await using collector = await openCollector(() => ({ status: 500 }));
  const webhooks = [webhook(collector)];
  await using world = await openRelay(webhooks);
  await world.tell();
  webhooks.length = 0;
  await world.advance(FIRST_PAUSE_MS);
  await world.bus.publish('alert.v1', { id: 'odd', data: Buffer.from('{}'), attributes: {} });
  await world.advance(FIRST_PAUSE_MS);
  const reasons = (await world.letters()).map(({ reason }) => reason);
  assert.equal(reasons[0], 'its webhook is no longer configured');
  assert.match(reasons[1] ?? '', /^not an alert\.v1: /);
});
