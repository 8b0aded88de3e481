// Every way in which an upstream fails to answer, at every provider: the next one serves. Not once it
// has begun to answer.

import assert from 'node:assert/strict';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { after, before, describe, test } from 'node:test';
import type { Upstream } from '../../services/data-plane/upstreams/upstream.ts';
import { anthropicAwsAt, bedrockAt, mantleAt } from '../support/aws.ts';
import { TLS } from '../support/certificate.ts';
import { anthropicGoogleCloudAt, foundryAt } from '../support/cloud-upstreams.ts';
import {
  anthropicAt,
  type MessagesGateway,
  openMessagesGateway,
  PROMPT,
} from '../support/messages-gateway.ts';
import {
  answers,
  type Behaviour,
  type FakeUpstream,
  openFakeUpstream,
  resets,
  staysSilent,
} from '../support/upstream.ts';
import { vertexAt } from '../support/vertex.ts';

// Names are looked up here, whatever proxy the machine has.
process.env['no_proxy'] = '*';

const TTFB_MS = 400;
const PROVIDERS: Readonly<Record<string, (baseUrl: string) => Upstream | Promise<Upstream>>> = {
  anthropic: (baseUrl) => anthropicAt(baseUrl),
  vertex: (baseUrl) => vertexAt({ baseUrl }),
  anthropicGoogleCloud: (baseUrl) => anthropicGoogleCloudAt({ baseUrl }),
  foundry: (baseUrl) => foundryAt({ baseUrl }),
  bedrock: (baseUrl) => bedrockAt({ baseUrl }),
  mantle: (baseUrl) => mantleAt({ baseUrl }),
  anthropicAws: (baseUrl) => anthropicAwsAt({ baseUrl }),
};

/** Nothing is sent before its handshake, which fails: nobody vouches for the certificate. */
async function openUntrusted() {
  const server = createServer({ ...TLS }, () => assert.fail('no request comes so far'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return { url: `https://localhost:${port}`, close: () => server.close() };
}

for (const [provider, create] of Object.entries(PROVIDERS)) {
  describe(`${provider}, where`, () => {
    let first: FakeUpstream;
    let second: FakeUpstream;
    let untrusted: Awaited<ReturnType<typeof openUntrusted>>;
    let gateway: MessagesGateway;
    let origin: string;
    before(async () => {
      [first, second, untrusted] = await Promise.all([
        openFakeUpstream(),
        openFakeUpstream(),
        openUntrusted(),
      ]);
      const own = await create(first.url);
      const moved: Upstream = {
        ...own,
        prepare: async (request) => ({ ...(await own.prepare(request)), origin }),
      };
      const upstreams = [moved, anthropicAt(second.url, 'second')];
      gateway = await openMessagesGateway({ upstreams, settings: { ttfbMs: TTFB_MS } });
    });
    after(async () => {
      await gateway[Symbol.asyncDispose]();
      await first[Symbol.asyncDispose]();
      await second[Symbol.asyncDispose]();
      untrusted.close();
    });

    async function ask(at: string, behaviour: Behaviour) {
      origin = at;
      first.behave(behaviour);
      first.seen.length = 0;
      second.seen.length = 0;
      gateway.clock.advance(61_000);
      const response = await gateway.ask(PROMPT);
      await response.text();
      const why = gateway.log.lines.findLast(({ level }) => level === 'warn')?.fields['err'];
      const asked = [first.seen.length, second.seen.length];
      return { status: response.status, asked, why: textOf(why) };
    }

    const kinds: readonly (readonly [string, () => string, Behaviour, number, RegExp])[] = [
      ['nobody listens', () => 'http://127.0.0.1:9', answers(), 0, /ECONNREFUSED/],
      ['the connection is reset', () => first.url, resets, 1, /ECONNRESET|other side closed/],
      ['no headers come in time', () => first.url, staysSilent, 1, /no answer within 400 ms/],
      ['the certificate is nobody’s', () => untrusted.url, answers(), 0, /self-signed/],
      ['the name is unknown', () => 'http://nobody.invalid', answers(), 0, /ENOTFOUND|EAI_AGAIN/],
    ];
    for (const [name, at, behaviour, calls, reason] of kinds) {
      test(`${name}: the next one serves`, async () => {
        const told = await ask(at(), behaviour);
        assert.deepEqual([told.status, told.asked], [200, [calls, 1]]);
        assert.match(told.why, reason);
      });
    }

    test('the answer breaks off behind its headers: nobody else is asked', async () => {
      const told = await ask(first.url, (res) => {
        res.writeHead(200, { 'content-type': 'application/json' }).flushHeaders();
        setImmediate(() => res.socket?.resetAndDestroy());
      });
      assert.deepEqual([told.status, told.asked], [502, [1, 0]]);
    });
  });
}

function textOf(why: unknown): string {
  if (!(why instanceof Error)) return String(why);
  const { code } = why as NodeJS.ErrnoException;
  const inner = why instanceof AggregateError ? why.errors.map(textOf).join() : '';
  return `${code ?? ''} ${why.message} ${inner} ${why.cause === undefined ? '' : textOf(why.cause)}`;
}
