// What a newcomer does: `npm start`, then every hint that it prints, as it is printed, up to the cap
// and past it. Told in order; the README shows the same hints.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { createBrowser } from '../support/browser.ts';
import { findClaudeCode } from '../support/claude-code.ts';
import { ROOT, type StartedDemo, startDemo } from '../support/demo.ts';
import { approve, type DemoName, signIn } from '../support/device-sign-in.ts';
import { eventually } from '../support/inbox.ts';
import { readLedger } from '../support/ledger-file.ts';
import { type Found, skipUnless } from '../support/needed.ts';

const client = await findClaudeCode();
const curl: Found =
  spawnSync('curl', ['--version']).status === 0
    ? { available: true }
    : { available: false, reason: 'curl is not there (Debian: apt-get install curl)' };

let demo: StartedDemo;
/** The indented lines of each hint, one text for each. */
let printed: { settings: string; headless: string; asCasey: string; curls: string };
before(async () => {
  demo = await startDemo();
  const blocks = demo.hints.match(/(?:^ {5}.*\n)+/gm) ?? [];
  const [settings = '', headless = '', asCasey = '', curls = ''] = blocks;
  assert.equal(blocks.length, 4, demo.hints);
  printed = { settings, headless, asCasey, curls };
});
after(() => demo?.[Symbol.asyncDispose]());

interface Ran {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** In a shell in the repository's folder; signs in as `person` when it is asked to. */
async function run(
  lines: string,
  { env = {}, person = 'dana' }: { env?: Record<string, string>; person?: DemoName } = {},
): Promise<Ran> {
  const child = spawn('sh', ['-ec', lines], { cwd: ROOT, env: { ...process.env, ...env } });
  child.stdin.end();
  const said = { stdout: '', stderr: '' };
  const page = Promise.withResolvers<string>();
  child.stdout.on('data', (chunk) => {
    said.stdout += chunk;
  });
  child.stderr.on('data', (chunk) => {
    said.stderr += chunk;
    const userCode = /and check that it shows (\S+)\./.exec(said.stderr)?.[1];
    if (userCode !== undefined) page.resolve(userCode);
  });
  const approved = page.promise.then((userCode) =>
    approve(createBrowser(), { gatewayUrl: demo.url, userCode, person }),
  );
  const closed = new Promise<number | null>((resolve) => child.once('close', resolve));
  const code = await closed;
  if (/and check that it shows/.test(said.stderr)) {
    assert.match((await approved).text, /You’re signed in/);
  }
  return { code, ...said };
}

function ask(token: string, model: string, more: object = {}): Promise<Response> {
  return fetch(`${demo.url}/v1/messages`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      ...{ model, max_tokens: 100, ...more },
      // About what Claude Code brings along with a "hello": 20 000 tokens.
      messages: [{ role: 'user', content: 'x'.repeat(80_000) }],
    }),
  });
}

interface EffectiveRow {
  readonly actor: { readonly user_id: string };
  readonly period: string;
  readonly amount: string | null;
  readonly period_to_date_spend: string;
}

test('it starts without a warning, and the README shows what it prints', async () => {
  const before = demo.process.output().split('Tallygate is up at')[0] ?? '';
  const logged = before.split('\n').filter((line) => /^\S/.test(line) && !line.startsWith('> '));
  for (const line of logged) assert.match(line, /^(\S+Z INFO {2}|\{"ts":")/);
  const readme = await readFile(join(ROOT, 'README.md'), 'utf8');
  const shown = demo.hints.replaceAll(demo.url, 'http://127.0.0.1:8080');
  assert.ok(readme.includes(`\`\`\`\n${shown}\n\`\`\`\n`), `README.md must show:\n${shown}`);
});

test('1: the managed settings name the gateway, which offers the device flow', async () => {
  const settings: unknown = JSON.parse(printed.settings);
  assert.deepEqual(settings, { forceLoginMethod: 'gateway', forceLoginGatewayUrl: demo.url });
  const offer = await fetch(`${demo.url}/.well-known/oauth-authorization-server`);
  const { device_authorization_endpoint: endpoint } = (await offer.json()) as Record<
    string,
    string
  >;
  assert.equal(endpoint, `${demo.url}/oauth/device_authorization`);
});

test('2: the token signs in, and the answer of the demo model streams', async () => {
  const exports = printed.headless.replace(/^ +claude .*$/m, '');
  const { code, stdout, stderr } = await run(
    `${exports}printf '%s' "$ANTHROPIC_BASE_URL $ANTHROPIC_AUTH_TOKEN"`,
  );
  assert.equal(code, 0, stderr);
  const [baseUrl, token = ''] = stdout.split(' ');
  assert.equal(baseUrl, demo.url);
  const response = await ask(token, 'claude-haiku-4-5', { stream: true });
  const pieces: string[] = [];
  for await (const piece of response.body ?? []) pieces.push(Buffer.from(piece).toString('utf8'));
  assert.ok(pieces.length > 5, `${pieces.length} pieces: it does not stream`);
  const text = pieces.join('').matchAll(/"text":"([^"]*)"/g);
  assert.match([...text].map(([, word]) => word).join(''), /^Hello from the demo model behind Tal/);
});

test('2, with Claude Code itself', { skip: skipUnless(client, curl) }, async () => {
  assert.ok(client.available);
  const home = await mkdtemp(join(tmpdir(), 'tallygate-home-'));
  try {
    await symlink(client.binary, join(home, 'claude'));
    const path = `${home}:${process.env['PATH']}`;
    const env = { HOME: home, CLAUDE_CONFIG_DIR: home, PATH: path, DISABLE_AUTOUPDATER: '1' };
    // Casey first tries what is printed for everybody.
    const lines = printed.headless.replace(/(claude .*)/, '$1 || true') + printed.asCasey;
    const [asDana, asCasey] = await Promise.all([
      run(printed.headless, { env }),
      run(lines, { env, person: 'casey' }),
    ]);
    assert.match(asDana.stdout, /^Hello from the demo model/, asDana.stderr);
    assert.match(asCasey.stdout, /is not in your role's availableModels allowlist/);
    assert.match(asCasey.stdout, /^Hello from the demo model/m, asCasey.stderr);
    // The README's figures, in cents.
    await assertCost('demo-dana', 'claude-opus-5-5', 4.9);
    await assertCost('demo-casey', 'claude-haiku-5-5', 0.13);
  } finally {
    await rm(home, { recursive: true, force: true, maxRetries: 5 });
  }
});

async function assertCost(sub: string, model: string, cents: number): Promise<void> {
  const event = await eventually(async () => {
    const events = readLedger(demo.folder);
    return events.find((one) => one.sub === sub && one.requestedModel === model) ?? null;
  });
  const found = event.costMicroUsd / 10_000;
  assert.ok(Math.abs(found / cents - 1) < 0.15, `${sub} paid ${found} cents, not about ${cents}`);
}

/** Asks until the cap stops it; how often it was answered, and the sentence. */
async function untilTheCap(token: string, model: string) {
  for (let answered = 0; answered < 20; answered += 1) {
    const response = await ask(token, model);
    const body = (await response.json()) as { error?: { message: string } };
    if (response.status === 429) return { answered, sentence: body.error?.message ?? '' };
    assert.equal(response.status, 200, JSON.stringify(body));
  }
  throw new Error('the cap was never reached');
}

test('3: a few prompts reach the cap; the curls show it and raise it', {
  skip: skipUnless(curl),
}, async () => {
  const [effective = '', ...raise] = printed.curls.split(/(?<!\\)\n(?= *curl)/);
  assert.equal(raise.length, 2, printed.curls);
  const people = [
    { person: 'dana', model: 'claude-sonnet-4-6', amount: '20' },
    { person: 'casey', model: 'claude-haiku-5-5', amount: '1' },
  ] as const;
  for (const [at, { person, model, amount }] of people.entries()) {
    const { accessToken } = await signIn({ gatewayUrl: demo.url, person });
    const { answered, sentence } = await untilTheCap(accessToken, model);
    assert.ok(answered >= 2 && answered <= 8, `${person} got ${answered} answers`);
    const stop = /^spend limit reached · resets \w+ \d+ · this is the demo's cap, raise it with a /;
    assert.match(sentence, stop);

    const shown = await run(effective);
    const { data } = JSON.parse(shown.stdout) as { data: EffectiveRow[] };
    const row = data.find(
      (one) => one.actor.user_id === `demo-${person}` && one.period === 'daily',
    );
    assert.equal(row?.amount, amount, shown.stdout);
    assert.ok(Number(row.period_to_date_spend) >= Number(amount));

    const raised = await run(raise[at] ?? '');
    assert.match(raised.stdout, /"period":"daily"/, raised.stderr);
    assert.equal((await ask(accessToken, model)).status, 200);
  }
});

test('Ada may use the admin API with her own session, Dana may not', async () => {
  const statusFor = async (person: DemoName) => {
    const { accessToken } = await signIn({ gatewayUrl: demo.url, person });
    const headers = { authorization: `Bearer ${accessToken}` };
    const url = `${demo.url}/v1/organizations/spend_limits/effective`;
    return (await fetch(url, { headers })).status;
  };
  assert.deepEqual([await statusFor('ada'), await statusFor('dana')], [200, 401]);
});

test('SIGTERM ends it with code 0', async () => {
  demo.process.signal('SIGTERM');
  assert.equal(await demo.process.ended, 0, demo.process.output());
});
