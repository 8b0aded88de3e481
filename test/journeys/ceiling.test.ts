// `enforcement.reservation: ceiling` under attack: many requests at once whose cost is not in their
// bytes. The attack is told in the first lines: with a cap of ten cents and a hundred parallel
// requests, searches of the upstream once spent 271 cents and an image by its address 77.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { MicroUsd } from '#shared/domain/money.ts';
import { TEST_PRINCIPAL } from '../support/http.ts';
import { anthropicAt, openMessagesGateway, PROMPT, standing } from '../support/messages-gateway.ts';
import { cents, userCap } from '../support/quota.ts';
import { answers, openFakeUpstream } from '../support/upstream.ts';

const PARALLEL = 100;

interface Attack {
  readonly body: object;
  /** What the upstream counts for each of them. */
  readonly usage: Readonly<Record<string, unknown>>;
  readonly capMicroUsd: MicroUsd;
}

/** All at once: nothing is answered before every request is either at the upstream or refused. */
async function attack({ body, usage, capMicroUsd }: Attack) {
  await using upstream = await openFakeUpstream();
  const caps = [userCap(TEST_PRINCIPAL.sub, capMicroUsd, 'monthly')];
  const settings = { reservation: 'ceiling' } as const;
  const upstreams = [anthropicAt(upstream.url)];
  await using gateway = await openMessagesGateway({ upstreams, caps, settings });
  const everyone = Promise.withResolvers<void>();
  let placed = 0;
  const place = () => {
    placed += 1;
    if (placed === PARALLEL) everyone.resolve();
  };
  upstream.behave(async (res, seen) => {
    place();
    await everyone.promise;
    await answers({ usage })(res, seen);
  });
  const statuses = await Promise.all(
    Array.from({ length: PARALLEL }, async () => {
      const response = await gateway.ask(body);
      if (response.status === 429) place();
      await response.text();
      return response.status;
    }),
  );
  await gateway.settled();
  const { pending = 0, reserved } = await standing(gateway.quota, gateway.clock.now());
  assert.equal(reserved, 0);
  const served = statuses.filter((status) => status === 200).length;
  assert.equal(served, gateway.events.length);
  assert.equal(statuses.filter((status) => status === 429).length, PARALLEL - served);
  const dearest = Math.max(...gateway.events.map(({ costMicroUsd }) => costMicroUsd));
  return { spent: pending, served, dearest };
}

const TEN_CENTS = cents(10);
const image = (source: object) => ({
  ...PROMPT,
  messages: [{ role: 'user', content: [{ type: 'image', source }] }],
});

describe('a hundred requests at once pass a cap of ten cents by less than one of them', () => {
  const attacks: Readonly<Record<string, Omit<Attack, 'capMicroUsd'>>> = {
    'with searches of the upstream': {
      body: { ...PROMPT, tools: [{ type: 'web_search_20250305', name: 'web_search' }] },
      usage: { input_tokens: 400, server_tool_use: { web_search_requests: 3 } },
    },
    'with searches whose number is bounded': {
      body: { ...PROMPT, tools: [{ type: 'web_search_20250305', name: 's', max_uses: 3 }] },
      usage: { input_tokens: 90_000, server_tool_use: { web_search_requests: 3 } },
    },
    'with an image by its address': {
      body: image({ type: 'url', url: 'https://example.com/a.png' }),
      usage: { input_tokens: 4_784 },
    },
    'with a document by its file': {
      body: image({ type: 'file', file_id: 'file_1' }),
      usage: { cache_creation_input_tokens: 150_000 },
    },
    'with small images of many pixels': {
      body: image({ type: 'base64', media_type: 'image/png', data: 'iVBORw0KGgo=' }),
      usage: { input_tokens: 4_784 },
    },
  };
  for (const [name, { body, usage }] of Object.entries(attacks)) {
    test(name, async () => {
      const { spent, served, dearest } = await attack({ body, usage, capMicroUsd: TEN_CENTS });
      assert.ok(served >= 1);
      assert.ok(spent < TEN_CENTS + dearest, `${served} were served and spent ${spent}`);
    });
  }
});

test('plain requests are still served together, as many as fit', async () => {
  // Tools of the client, code that speaks of server tools: under a cent each by their bytes.
  const body = {
    ...PROMPT,
    messages: [{ role: 'user', content: 'sum {"type":"web_search_20250305","source":{}}' }],
  };
  const capMicroUsd = cents(10);
  const { served, spent } = await attack({ body, usage: { input_tokens: 30 }, capMicroUsd });
  assert.ok(served >= 20, `only ${served} at once`);
  assert.ok(spent < capMicroUsd);
});
