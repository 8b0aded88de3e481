// Tiers, weights and where failover may go, from gateway.yaml to the upstreams of the real program.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import {
  createGatewayHome,
  type GatewayProcess,
  gatewayYaml,
  mintSession,
  startGateway,
} from '../support/gateway.ts';
import { PROMPT } from '../support/messages-gateway.ts';
import { answers, type FakeUpstream, openFakeUpstream, refuses } from '../support/upstream.ts';

const NAMES = ['one', 'two', 'reserve', 'azure'] as const;
type Name = (typeof NAMES)[number];

describe('upstreams in tiers', () => {
  const opened = new AsyncDisposableStack();
  const fakes = new Map<Name, FakeUpstream>();
  let gateway: GatewayProcess;
  before(async () => {
    for (const name of NAMES) fakes.set(name, opened.use(await openFakeUpstream()));
    const key = 'auth: { api_key: test-only-upstream-key }';
    const at = (name: Name) => `base_url: ${fakes.get(name)?.url}, ${key}`;
    const rest = `
  - { name: two, provider: anthropic, tier: 1, weight: 2, ${at('two')} }
  - { name: reserve, provider: anthropic, tier: 2, ${at('reserve')} }
  - { name: azure, provider: foundry, tier: 2, ${at('azure')} }
routing:
  rules: [{ groups: [bank], failover: same_provider }]`;
    const yaml = gatewayYaml({ upstreamUrl: fakes.get('one')?.url ?? '' })
      .replace('name: model\n', 'name: one\n    tier: 1\n')
      .replace(`    ${key}\n`, `    ${key}${rest}\n`);
    const home = opened.use(await createGatewayHome(yaml));
    gateway = opened.use(await startGateway(home));
  });
  after(() => opened.disposeAsync());

  /** Who was asked, in order, and the status. */
  async function ask(sessionId: string, groups: string[] = []) {
    for (const fake of fakes.values()) fake.seen.length = 0;
    const token = await mintSession(gateway.url, 'u1', groups);
    const response = await fetch(`${gateway.url}/v1/messages`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'x-claude-code-session-id': sessionId },
      body: JSON.stringify(PROMPT),
    });
    await response.text();
    const asked = NAMES.filter((name) => (fakes.get(name)?.seen.length ?? 0) > 0);
    return { status: response.status, asked };
  }

  test('the first tier shares the load, and a conversation stays where it is', async () => {
    const homes = new Map<string, Name>();
    for (let i = 0; i < 24; i += 1) {
      const { status, asked } = await ask(`session-${i}`);
      assert.deepEqual([status, asked.length], [200, 1]);
      homes.set(`session-${i}`, asked[0] ?? assert.fail());
    }
    assert.deepEqual(new Set(homes.values()), new Set(['one', 'two']));
    for (const [id, name] of [...homes].slice(0, 6))
      assert.deepEqual((await ask(id)).asked, [name]);
  });

  test('a failed first tier is told of, and the next one serves, but where it may not', async () => {
    for (const name of ['one', 'two', 'reserve'] as const) fakes.get(name)?.behave(refuses(503));
    const all = await ask('session-1');
    assert.equal(all.status, 200);
    assert.equal(all.asked.includes('azure'), true);
    const bank = await ask('session-1', ['bank']);
    assert.deepEqual(bank, { status: 502, asked: ['one', 'two', 'reserve'] });
    // They served until now: half of the last twenty must fail.
    for (let i = 0; i < 12; i += 1) await ask('session-1', ['bank']);
    const response = await fetch(`${gateway.url}/readyz`);
    assert.equal(response.status, 200);
    const text = await response.text();
    assert.match(
      text,
      /^ready\nupstreams: one is passed over for claude-opus-4-8: \d+ of its last \d+ attempts failed/,
    );
    for (const name of NAMES) {
      const isNamed = text.includes(`${name} is passed over for claude-opus-4-8`);
      assert.equal(isNamed, name !== 'azure', text);
    }
    await gateway.printed(/ WARN +an upstream is passed over after failures upstream=one /);
    for (const name of ['one', 'two', 'reserve'] as const) fakes.get(name)?.behave(answers());
    const again = await ask('session-1', ['bank']);
    assert.equal(again.status, 200, 'nobody is refused what works again');
  });
});
