// The real, unmodified Claude Code against the real program: `/login` in a terminal with the device
// flow and a real OIDC provider, a prompt, its managed settings, its telemetry, its usage in the
// ledger, our sentence at the cap, and sign-out. One person's day, told in order: each test goes on
// where the one before it ended.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { openDemoModel } from '../../services/demo/model.ts';
import { createBrowser } from '../support/browser.ts';
import { CLAUDE_CODE_VERSION, findClaudeCode } from '../support/claude-code.ts';
import { type Collector, openCollector } from '../support/collector.ts';
import { approve } from '../support/device-sign-in.ts';
import { freePort } from '../support/free-port.ts';
import {
  adminCall,
  createGatewayHome,
  type GatewayProcess,
  gatewayYaml,
  startGateway,
} from '../support/gateway.ts';
import {
  CLIENT_ID,
  CLIENT_SECRET,
  openTestIdentityProvider,
} from '../support/identity-provider.ts';
import { eventually } from '../support/inbox.ts';
import { readLedger } from '../support/ledger-file.ts';
import { skipUnless } from '../support/needed.ts';
import { attributesAt } from '../support/otlp-wire.ts';
import { findTmux } from '../support/terminal.ts';
import { type ClaudeCode, openClaudeCode } from './claude-code.ts';

const [client, tmux] = await Promise.all([findClaudeCode(), findTmux()]);
const skip = skipUnless(client, tmux);

const NOTICE = 'Use of this system is monitored.';
const BLOCKED_MESSAGE = 'ask #platform for more';
/** resource_metrics.resource, and its attributes. */
const RESOURCE = [1, 1];

const opened = new AsyncDisposableStack();
let gateway: GatewayProcess;
let folder: string;
let collector: Collector;
let claude: ClaudeCode;

function yaml(port: number, issuer: string, upstreamUrl: string): string {
  return gatewayYaml({
    upstreamUrl,
    issuer,
    more: `
  blocked_message: "${BLOCKED_MESSAGE}"
login_notice: "${NOTICE}"
managed:
  policies:
    - match: { groups: [engineering] }
      cli: { model: claude-haiku-4-5, availableModels: [haiku] }
telemetry:
  forward_to: [{ url: "${collector.url}", metrics: true, logs: true }]
`,
  })
    .replace('port: 0 }', `port: ${port}, public_url: "http://127.0.0.1:${port}" }`)
    .replace('client_id: tallygate', `client_id: ${CLIENT_ID}`)
    .replace('test-only-client-secret', CLIENT_SECRET);
}

before(async () => {
  if (!client.available || skip !== false) return;
  const idp = opened.use(await openTestIdentityProvider());
  const model = opened.use(await openDemoModel({ host: '127.0.0.1', port: 0, wordMs: 1 }));
  collector = opened.use(await openCollector());
  const port = await freePort();
  const home = opened.use(await createGatewayHome(yaml(port, idp.issuer, model.url)));
  folder = home.folder;
  gateway = opened.use(await startGateway(home));
  claude = opened.use(await openClaudeCode({ binary: client.binary, gatewayUrl: gateway.url }));
});
after(() => opened.disposeAsync());

test('/login signs in through the device flow and a real identity provider', { skip }, async () => {
  const signIn = await claude.signIn({
    approve: async (verificationUri, userCode) => {
      assert.equal(verificationUri, `${gateway.url}/device`);
      const person = { gatewayUrl: gateway.url, userCode, person: 'dana' } as const;
      assert.match((await approve(createBrowser(), person)).text, /You’re signed in/);
    },
  });
  assert.equal(signIn.account, 'dana@example.com');
  assert.match(signIn.codeScreen ?? '', new RegExp(NOTICE));
});

test('claude -p gets the answer, from the model that the policy names', { skip }, async () => {
  const answer = await claude.prompt('hello');
  assert.ok(answer.ok, answer.text);
  assert.match(answer.text, /Hello from the demo model behind Tallygate/);
  assert.deepEqual(answer.models, ['claude-haiku-4-5']);
});

test('the ledger holds what it used, under the verified identity', { skip }, async () => {
  const event = await eventually(async () => {
    const events = readLedger(folder);
    return events.find(({ requestedModel }) => requestedModel === 'claude-haiku-4-5') ?? null;
  });
  assert.equal(event.sub, 'demo-dana');
  assert.deepEqual(event.groups, ['engineering']);
  assert.equal(event.clientVersion, CLAUDE_CODE_VERSION);
  assert.deepEqual([event.outcome, event.estimated], ['complete', false]);
  const { inputTokens, outputTokens } = event.usage;
  // Haiku 4.5: 1 USD a million tokens in, 5 out, so a token in is a micro-USD.
  assert.equal(event.costMicroUsd, inputTokens + 5 * outputTokens);
});

test('its telemetry reaches the collector, stamped with who it is', { skip }, async () => {
  const metrics = await eventually(async () => {
    const { items } = collector.exports;
    return items.find(({ path }) => path === '/v1/metrics') ?? null;
  });
  const [resource] = attributesAt(metrics.decoded, RESOURCE, 1);
  assert.equal(resource?.['service.name'], 'claude-code');
  assert.equal(resource?.['user.email'], 'dana@example.com');
  assert.equal(resource?.['identity.source'], 'gateway-oidc');
});

test('at the cap it shows our sentence', { skip }, async () => {
  const cap = { scope: { type: 'organization' }, period: 'monthly', amount: '1' };
  assert.equal((await adminCall(gateway.url, '', cap)).status, 200);
  const answer = await claude.prompt('hello again');
  assert.equal(answer.ok, false);
  assert.match(answer.text, /spend limit reached · resets .+ · ask #platform for more/);
});

test('signing out ends the session on the gateway too', { skip }, async () => {
  const jwt = (await claude.session())?.jwt;
  const models = () =>
    fetch(`${gateway.url}/v1/models`, { headers: { authorization: `Bearer ${jwt}` } });
  assert.equal((await models()).status, 200);
  await claude.signOut();
  assert.equal((await models()).status, 401);
  assert.equal(await claude.session(), undefined);
});
