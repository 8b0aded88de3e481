// Real @azure/identity against a server that stands for the identity endpoint of an Azure App Service:
// what a Foundry upstream with `use_azure_ad` signs requests with.

import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { systemClock } from '#shared/domain/clock.ts';
import { openFoundryUpstream } from '../../services/data-plane/upstreams/foundry.ts';
import { createMemoryLog } from '../support/log.ts';
import { anthropicAt, openMessagesGateway, PROMPT } from '../support/messages-gateway.ts';
import { type FakeUpstream, openFakeUpstream, refuses } from '../support/upstream.ts';

const RESOURCE = 'https://cognitiveservices.azure.com';

describe('a Foundry upstream with the machine’s identity', () => {
  let identity: FakeUpstream;
  before(async () => {
    identity = await openFakeUpstream();
    for (const name of Object.keys(process.env)) {
      if (/^(AZURE_|MSI_|IDENTITY_)/.test(name)) delete process.env[name];
    }
    process.env['IDENTITY_ENDPOINT'] = `${identity.url}/msi/token`;
    process.env['IDENTITY_HEADER'] = 'identity-header';
  });
  after(() => identity[Symbol.asyncDispose]());

  async function openWorld() {
    const [azure, second] = await Promise.all([openFakeUpstream(), openFakeUpstream()]);
    const foundry = await openFoundryUpstream(
      {
        provider: 'foundry',
        name: 'foundry',
        base_url: azure.url,
        headers: {},
        auth: { kind: 'azure_ad' },
      },
      { version: '0.0.0-test', clock: systemClock, log: createMemoryLog() },
    );
    const upstreams = [foundry, anthropicAt(second.url, 'second')];
    const gateway = await openMessagesGateway({ upstreams });
    return {
      ...{ azure, second, gateway },
      async [Symbol.asyncDispose]() {
        await gateway[Symbol.asyncDispose]();
        await Promise.all([azure[Symbol.asyncDispose](), second[Symbol.asyncDispose]()]);
      },
    };
  }

  // First, because the library keeps a token that it was given for the whole process.
  test('that Azure gives no token fails over', async () => {
    identity.behave(refuses(400, {}, { error: 'invalid_scope' }));
    await using world = await openWorld();
    const told = await world.gateway.ask(PROMPT);
    await told.text();
    assert.equal(told.status, 200);
    assert.deepEqual([world.azure.seen.length, world.second.seen.length], [0, 1]);
  });

  test('signs with its token, asked for once however many requests there are', async () => {
    identity.seen.length = 0;
    identity.behave((res) => {
      const expires_on = String(Math.floor(systemClock.now() / 1000) + 3600);
      res.setHeader('content-type', 'application/json');
      res.end(JSON.stringify({ access_token: 'entra-1', expires_on, token_type: 'Bearer' }));
    });
    await using world = await openWorld();
    const asked = Array.from({ length: 10 }, async () => {
      const told = await world.gateway.ask(PROMPT);
      await told.text();
      return told.status;
    });
    assert.deepEqual(new Set(await Promise.all(asked)), new Set([200]));
    const signed = new Set(world.azure.seen.map(({ headers }) => headers['authorization']));
    assert.deepEqual(signed, new Set(['Bearer entra-1']));
    const [token, ...more] = identity.seen;
    assert.equal(more.length, 0);
    const resource = new URL(token?.path ?? '', identity.url).searchParams.get('resource');
    assert.equal(resource, RESOURCE);
    assert.equal(token?.headers['x-identity-header'], 'identity-header');
  });
});
