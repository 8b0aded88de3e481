// Anthropic's workload identity federation over real HTTP: the exchange as captured from the reference
// (04e), and what it does to requests when it is slow, refused, or its file changes.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { ServerResponse } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { createAnthropicUpstream } from '../../services/data-plane/upstreams/anthropic.ts';
import { createTestClock } from '../support/clock.ts';
import { createMemoryLog } from '../support/log.ts';
import { anthropicAt, openMessagesGateway, PROMPT } from '../support/messages-gateway.ts';
import { answers, openFakeUpstream, type SeenRequest } from '../support/upstream.ts';

interface Captured {
  name: string;
  url: string;
  headers: Record<string, string>;
  body: Record<string, string>;
}

const captures = new URL('../wire/captures/04e-federation-identity.jsonl', import.meta.url);
const [exchange, message] = readFileSync(captures, 'utf8')
  .split('\n')
  .slice(0, 2)
  .map((line) => JSON.parse(line) as Captured);

const TOKEN_PATH = '/proxy/v1/oauth/token';

/** Anthropic behind a path of a proxy's, with a second upstream that has a key. */
async function openWorld() {
  const folder = await mkdtemp(join(tmpdir(), 'tallygate-federation-'));
  const file = join(folder, 'token');
  await writeFile(file, 'jwt.jwt.jwt\n');
  const [anthropic, second] = await Promise.all([openFakeUpstream(), openFakeUpstream()]);
  const clock = createTestClock();
  const log = createMemoryLog();
  let given = 0;
  let giving: (res: ServerResponse) => void = gives(600);
  function gives(seconds: number): (res: ServerResponse) => void {
    return (res) => {
      given += 1;
      res.setHeader('content-type', 'application/json');
      const token = `sk-ant-oat01-${given}`;
      res.end(JSON.stringify({ access_token: token, token_type: 'Bearer', expires_in: seconds }));
    };
  }
  anthropic.behave((res, seen) => (seen.path === TOKEN_PATH ? giving(res) : answers()(res, seen)));
  const upstream = createAnthropicUpstream(
    {
      provider: 'anthropic',
      name: 'federated',
      base_url: `${anthropic.url}/proxy`,
      headers: {},
      forward_user_identity: false,
      auth: {
        kind: 'federation',
        ruleId: 'fdrl_1',
        organizationId: '<uuid>',
        identityTokenFile: file,
        workspaceId: 'wrkspc_1',
        serviceAccountId: 'svac_1',
      },
    },
    { version: '0.0.0-test', clock, log },
  );
  const upstreams = [upstream, anthropicAt(second.url, 'second')];
  const gateway = await openMessagesGateway({ upstreams });
  const exchanges = () => anthropic.seen.filter(({ path }) => path === TOKEN_PATH);
  const asked = () => anthropic.seen.filter(({ path }) => path !== TOKEN_PATH);
  return {
    ...{ anthropic, second, gateway, clock, log, file, exchanges, asked },
    refuse(status: number, body: unknown) {
      giving = (res) => void res.writeHead(status).end(JSON.stringify(body));
    },
    /** Exchanges wait until the function that comes back is called. */
    hold(): () => void {
      const waiting: ServerResponse[] = [];
      giving = (res) => void waiting.push(res);
      return () => {
        giving = gives(600);
        for (const res of waiting) giving(res);
      };
    },
    gives(seconds: number) {
      giving = gives(seconds);
    },
    async ask() {
      const response = await gateway.ask(PROMPT, {
        headers: { 'anthropic-version': '2023-06-01' },
      });
      await response.text();
      return response.status;
    },
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]();
      await Promise.all([anthropic[Symbol.asyncDispose](), second[Symbol.asyncDispose]()]);
      await rm(folder, { recursive: true });
    },
  };
}

const bearer = ({ headers }: SeenRequest) => headers['authorization'];

describe('a federated upstream', () => {
  test('exchanges the file’s token as the reference does, once for however many ask', async () => {
    await using world = await openWorld();
    const release = world.hold();
    const asking = Array.from({ length: 20 }, () => world.ask());
    await world.anthropic.next();
    release();
    assert.deepEqual(new Set(await Promise.all(asking)), new Set([200]));
    const [asked, ...more] = world.exchanges();
    assert.equal(more.length, 0);
    assert.deepEqual(JSON.parse(asked?.body ?? ''), exchange?.body);
    for (const header of ['content-type', 'anthropic-beta']) {
      assert.equal(asked?.headers[header], exchange?.headers[header], header);
    }
    const served = world.asked();
    assert.deepEqual(new Set(served.map(bearer)), new Set(['Bearer sk-ant-oat01-1']));
    assert.equal(served[0]?.path, `/proxy${message?.url}`);
    for (const header of ['anthropic-beta', 'anthropic-version']) {
      assert.equal(served[0]?.headers[header], message?.headers[header], header);
    }
    assert.equal(served[0]?.headers['x-api-key'], undefined);
  });

  test('reads its file anew, two minutes ahead, while the old token serves', async () => {
    await using world = await openWorld();
    await world.ask();
    world.clock.advance(479_999);
    await world.ask();
    assert.equal(world.exchanges().length, 1);
    await writeFile(world.file, 'renewed.jwt.jwt');
    world.clock.advance(1);
    const release = world.hold();
    await world.ask();
    assert.equal(bearer(world.asked().at(-1) ?? assert.fail()), 'Bearer sk-ant-oat01-1');
    while (world.exchanges().length < 2) await new Promise(setImmediate);
    release();
    let last = '';
    while (last !== 'Bearer sk-ant-oat01-2') {
      await world.ask();
      last = bearer(world.asked().at(-1) ?? assert.fail()) ?? '';
    }
    assert.equal(JSON.parse(world.exchanges()[1]?.body ?? '').assertion, 'renewed.jwt.jwt');
    assert.equal(world.exchanges().length, 2);
  });

  test('whose exchange is refused fails over, and says why without a token', async () => {
    await using world = await openWorld();
    const description = 'assertion jwt.jwt.jwt is expired';
    world.refuse(400, { error: 'invalid_grant', error_description: description });
    assert.equal(await world.ask(), 200);
    assert.deepEqual([world.asked().length, world.second.seen.length], [0, 1]);
    const [line] = world.gateway.log.lines.filter(({ level }) => level === 'warn');
    assert.equal(line?.message, 'upstream failed, trying next');
    const err = line?.fields['err'];
    const cause = err instanceof Error && err.cause instanceof Error ? err.cause.message : '';
    assert.equal(cause, 'the token endpoint answered 400 invalid_grant');
    world.gives(600);
    assert.equal(await world.ask(), 200);
    assert.equal(world.asked().length, 1);
  });

  test('fails over without its file, and when the answer is no token', async () => {
    await using world = await openWorld();
    for (const body of [{}, { access_token: 'a\nb', expires_in: 60 }, { access_token: 'a' }]) {
      world.refuse(200, body);
      assert.equal(await world.ask(), 200);
    }
    world.gives(600);
    const before = world.exchanges().length;
    await writeFile(world.file, '\n');
    assert.equal(await world.ask(), 200);
    await rm(world.file);
    assert.equal(await world.ask(), 200);
    assert.equal(world.exchanges().length, before);
    assert.deepEqual([world.asked().length, world.second.seen.length], [0, 5]);
    await writeFile(world.file, 'jwt.jwt.jwt');
    // Passed over after five failures, until the circuit lets a probe through.
    world.gateway.clock.advance(5_000);
    assert.equal(await world.ask(), 200);
    assert.equal(world.asked().length, 1);
  });

  test('whose refresh ahead fails serves on, and logs it', async () => {
    await using world = await openWorld();
    await world.ask();
    world.refuse(503, {});
    world.clock.advance(500_000);
    assert.equal(await world.ask(), 200);
    while (world.log.lines.length === 0) await new Promise(setImmediate);
    assert.deepEqual(
      world.log.lines.map(({ message: text }) => text),
      ['an access token of Anthropic could not be refreshed'],
    );
    assert.deepEqual([world.asked().length, world.second.seen.length], [2, 0]);
  });
});
