// SIGTERM to the real program while streams are open: what ends in time ends as it would have; what does
// not is ended with an error event that clients retry, and is billed.

import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import {
  adminCall,
  createGatewayHome,
  type GatewayProcess,
  gatewayYaml,
  mintSession,
  startGateway,
} from '../support/gateway.ts';
import { PROMPT } from '../support/messages-gateway.ts';
import { untilTrue } from '../support/until.ts';
import { answerEvents, openFakeUpstream, pausesAfter } from '../support/upstream.ts';

const EVENTS = answerEvents();

async function openWorld() {
  const opened = new AsyncDisposableStack();
  const upstream = opened.use(await openFakeUpstream());
  const home = opened.use(await createGatewayHome(gatewayYaml({ upstreamUrl: upstream.url })));
  return {
    upstream,
    start: async (drainMs: number) =>
      opened.use(await startGateway(home, { TALLYGATE_DRAIN_TIMEOUT_MS: String(drainMs) })),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

async function ask({ url }: GatewayProcess, stream = true): Promise<Response> {
  const token = await mintSession(url, 'u1');
  return fetch(`${url}/v1/messages`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({ ...PROMPT, stream }),
  });
}

/** Resolves when the ledger has so much of it; what it has is all that was billed. */
async function billed({ url }: GatewayProcess, amountUsd: string): Promise<void> {
  const total = async () => {
    const response = await adminCall(url, '/../usage?group_by[]=user');
    const { data } = (await response.json()) as { data: { amount_usd: string }[] };
    return data[0]?.amount_usd ?? '0';
  };
  const found = await untilTrue(async () => {
    const amount = await total();
    return Number(amount) >= Number(amountUsd) ? amount : null;
  });
  assert.equal(found, amountUsd);
}

describe('SIGTERM', () => {
  test('waits for a stream that ends in time', async () => {
    await using world = await openWorld();
    const goOn = Promise.withResolvers<void>();
    world.upstream.behave(
      pausesAfter(2, async (res) => {
        await goOn.promise;
        res.end(EVENTS.slice(2).join(''));
      }),
    );
    const gateway = await world.start(60_000);
    const text = (await ask(gateway)).text();
    const ended = gateway.end('SIGTERM');
    await gateway.printed(/ stopping /);
    await assert.rejects(ask(gateway), 'nobody new is let in');
    goOn.resolve();
    assert.equal(await text, EVENTS.join(''));
    assert.equal(await ended, 0);
    const again = await world.start(60_000);
    await billed(again, '0.0055');
  });

  test('ends what lasts longer with an error event, and bills what was streamed', async () => {
    await using world = await openWorld();
    world.upstream.behave(pausesAfter(4));
    const gateway = await world.start(300);
    const answers = [await ask(gateway), await ask(gateway), await ask(gateway)];
    const asked = [await world.upstream.next(), await world.upstream.next()];
    const texts = Promise.all(answers.map((response) => response.text()));
    const ended = gateway.end('SIGTERM');
    const sent = EVENTS.slice(0, 4).join('');
    for (const [index, text] of (await texts).entries()) {
      assert.ok(text.startsWith(sent), text);
      const request_id = answers[index]?.headers.get('x-request-id');
      const error = {
        type: 'overloaded_error',
        message: 'the gateway is restarting; send the request again',
      };
      const data = JSON.stringify({ type: 'error', request_id, error });
      assert.equal(text.slice(sent.length), `event: error\ndata: ${data}\n\n`);
    }
    await Promise.all(asked.map(({ left }) => left));
    assert.equal(await ended, 0);
    const again = await world.start(300);
    // 1000 tokens in, 3 out, thrice.
    await billed(again, '0.015225');
  });

  test('answers what has no headers yet with 529, to be sent again', async () => {
    await using world = await openWorld();
    world.upstream.behave(() => undefined);
    const gateway = await world.start(300);
    const asking = ask(gateway, false);
    const seen = await world.upstream.next();
    const ended = gateway.end('SIGTERM');
    const response = await asking;
    assert.equal(response.status, 529);
    assert.equal(response.headers.get('retry-after'), '1');
    assert.match(await response.text(), /"overloaded_error"/);
    await seen.left;
    assert.equal(await ended, 0);
  });
});
