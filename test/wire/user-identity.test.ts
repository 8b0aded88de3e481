// forward_user_identity: who asks, told to a proxy of the operator's as the reference tells it (04e).

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { createSecret } from '#shared/config/secret.ts';
import { createAnthropicUpstream } from '../../services/data-plane/upstreams/anthropic.ts';
import { createTestClock } from '../support/clock.ts';
import { TEST_PRINCIPAL } from '../support/http.ts';
import { createMemoryLog } from '../support/log.ts';
import { openMessagesGateway, PROMPT } from '../support/messages-gateway.ts';
import { openFakeUpstream } from '../support/upstream.ts';

interface Row {
  name: string;
  identity?: Record<string, string>;
}

const PEOPLE: Readonly<Record<string, { sub: string; email: string | null }>> = {
  'with email': { sub: 'dev', email: 'dev@example.com' },
  'no email': { sub: 'dev', email: null },
  'utf8 + newline sub': { sub: 'dév\nX: y', email: 'é@example.com' },
};
const IDENTITY = /^x-(claude-gateway-user|litellm)-/;

const file = new URL('captures/04e-federation-identity.jsonl', import.meta.url);
for (const line of readFileSync(file, 'utf8').trim().split('\n')) {
  const { name, identity } = JSON.parse(line) as Row;
  if (identity === undefined) continue;
  test(name, async () => {
    await using upstream = await openFakeUpstream();
    const proxy = createAnthropicUpstream(
      {
        provider: 'anthropic',
        name: 'a',
        base_url: upstream.url,
        headers: {},
        auth: { kind: 'api_key', secret: createSecret('key') },
        forward_user_identity: true,
      },
      { version: '0.0.0-test', clock: createTestClock(), log: createMemoryLog() },
    );
    const person = PEOPLE[name.replace('forward_user_identity: ', '')] ?? assert.fail(name);
    await using gateway = await openMessagesGateway({
      upstreams: [proxy],
      verify: async () => ({ ...TEST_PRINCIPAL, ...person }),
    });
    const spoofed = { 'x-claude-gateway-user-id': 'spoof', 'x-litellm-end-user-id': 'spoof' };
    await (await gateway.ask(PROMPT, { headers: spoofed })).text();
    const sent = Object.entries(upstream.seen[0]?.headers ?? {});
    const told = sent.filter(([header]) => IDENTITY.test(header));
    assert.deepEqual(Object.fromEntries(told), identity);
  });
}
