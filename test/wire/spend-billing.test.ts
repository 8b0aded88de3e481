// Billing groups as the reference has them (capture 02b with `billing_group_tag: proj`), replayed: what
// the upstream gets, what is audited. On purpose not the same: the group is in the usage event too.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import { loadConfig } from '#shared/config/load.ts';
import { systemClock } from '#shared/domain/clock.ts';
import { createSnapshot } from '../../services/wiring/snapshot.ts';
import { signIn } from '../support/device-sign-in.ts';
import { gatewayYaml } from '../support/gateway.ts';
import { createMemoryLog } from '../support/log.ts';
import { anthropicAt, openMessagesGateway, PROMPT, tokenOf } from '../support/messages-gateway.ts';
import { openSignInGateway } from '../support/sign-in-gateway.ts';
import { answers, openFakeUpstream } from '../support/upstream.ts';

interface Captured {
  readonly name: string;
  readonly headers: Record<string, string>;
  readonly body: object;
  readonly upstream: { readonly beta: string | null; readonly body: object };
  readonly audit?: Record<string, unknown>;
}

const file = new URL('captures/02b-tags.jsonl', import.meta.url);
const captured = readFileSync(file, 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Captured);

async function openWorld(billingGroupTag: string | null = 'proj') {
  const upstream = await openFakeUpstream();
  const usage = { cache_creation_input_tokens: 500 };
  upstream.behave(answers({ usage, outputTokens: 200 }));
  const gateway = await openMessagesGateway({
    upstreams: [anthropicAt(upstream.url)],
    people: [{ sub: 'dev', groups: ['eng'] }],
    settings: { billingGroupTag },
  });
  return {
    upstream,
    gateway,
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]();
      await upstream[Symbol.asyncDispose]();
    },
  };
}

describe('with admin.billing_group_tag', () => {
  for (const { name, headers, body, upstream, audit } of captured) {
    test(name, async () => {
      await using world = await openWorld();
      const { gateway } = world;
      await (await gateway.ask(body, { token: tokenOf('dev'), headers })).text();
      const event = await gateway.nextEvent();
      const [seen] = world.upstream.seen;
      assert.equal(seen?.headers['anthropic-beta'] ?? null, upstream.beta);
      assert.deepEqual(JSON.parse(seen?.body ?? ''), upstream.body);
      const told = (evt: string) =>
        gateway.log.lines.find(({ message }) => message === evt)?.fields ?? assert.fail(evt);
      const inference = told('inference');
      if (audit !== undefined) {
        const named = { billing_group: null, billing_group_ignored: null, ...audit };
        assert.equal(inference['billing_group'] ?? null, named.billing_group);
        assert.equal(inference['billing_group_ignored'] ?? null, named.billing_group_ignored);
        // Field by field the same, but for what is of its time and place.
        assert.deepEqual(
          Object.keys({ ts: 0, evt: 0, ...inference }).sort(),
          Object.keys(audit).sort(),
        );
      }
      assert.equal(event.billingGroup, inference['billing_group'] ?? null);
      const { request_id: requestId, ...metered } = told('spend.metered');
      assert.equal(requestId, inference['request_id']);
      assert.deepEqual(metered, {
        ...{ sub: 'dev', model: 'claude-sonnet-4-6', input_tokens: 1000, output_tokens: 200 },
        cache_creation_input_tokens: 500,
        // 1 000 at $3, 500 at $3.75 and 200 at $15 a million.
        cents: 0.7875,
        ...('billing_group' in inference ? { billing_group: inference['billing_group'] } : {}),
        ...('billing_group_ignored' in inference ? { billing_group_ignored: true } : {}),
      });
    });
  }
});

test('without it an upstream that speaks Anthropic’s API gets the tags, and nothing is said of cost', async () => {
  await using world = await openWorld(null);
  const headers = { 'anthropic-beta': 'request-tags-2026-08-21' };
  const body = { ...PROMPT, tags: { proj: 'eng' } };
  await (await world.gateway.ask(body, { token: tokenOf('dev'), headers })).text();
  assert.equal((await world.gateway.nextEvent()).billingGroup, null);
  const [seen] = world.upstream.seen;
  assert.equal(seen?.headers['anthropic-beta'], 'request-tags-2026-08-21');
  assert.deepEqual(JSON.parse(seen?.body ?? ''), body);
  const said = world.gateway.log.lines.map(({ message }) => message);
  assert.ok(said.includes('inference') && !said.includes('spend.metered'));
});

// Capture 01c: `claims.billing_group_tag` of a session that was signed in with the tag configured.
test('the session names the tag, so that the client knows which to send', async () => {
  const session = { ttlHours: 1, billingGroupTag: 'grp', refreshAnswerSeconds: 5 };
  await using gateway = await openSignInGateway({ deps: { session } });
  const { accessToken } = await signIn({ gatewayUrl: gateway.url, person: 'dana' });
  const claims = JSON.parse(Buffer.from(accessToken.split('.')[1] ?? '', 'base64url').toString());
  assert.equal(claims.billing_group_tag, 'grp');
});

test('the configuration says which tag it is', async () => {
  const text = gatewayYaml({
    upstreamUrl: 'https://api.example.com',
    issuer: 'https://idp.example.com',
    more: '  billing_group_tag: proj',
  });
  const result = loadConfig({ text }, { env: {} });
  assert.ok(result.ok, result.ok ? '' : result.faults.map((fault) => fault.message).join('\n'));
  const options = { plane: 'all' as const, clock: systemClock, log: createMemoryLog() };
  const { settings } = await createSnapshot(result.config, options);
  assert.equal(settings.billingGroupTag, 'proj');
});
