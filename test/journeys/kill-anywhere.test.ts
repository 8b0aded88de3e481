// kill -9 at random points of a run of requests, then restart: nothing that a client got is missing
// from the ledger, nothing is in it twice, and what was cut off is there as an estimate. The points
// are drawn from a seed, which the test's name tells: TALLYGATE_SEED runs them again.

import assert from 'node:assert/strict';
import { EventEmitter, once } from 'node:events';
import { it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { openDemoModel } from '../../services/demo/model.ts';
import {
  adminCall,
  createGatewayHome,
  type GatewayProcess,
  gatewayYaml,
  mintSession,
  startGateway,
} from '../support/gateway.ts';
import { readLedger } from '../support/ledger-file.ts';
import { drawsFrom, runSeed } from '../support/seed.ts';

const REQUESTS = 200;
const PARALLEL = 10;
const KILLS = 4;
/** Nobody is killed after it: the last requests alone might all have ended. */
const LAST_KILL = REQUESTS - 2 * PARALLEL;
/** About what an answer lasts here. */
const ANSWER_MS = 120;

interface Kill {
  /** Comes when so many requests have ended, */
  readonly afterRequests: number;
  /** and then so much later. */
  readonly laterMs: number;
}

function drawKills(seed: number): Kill[] {
  const draw = drawsFrom(seed);
  const kills = Array.from({ length: KILLS }, () => ({
    afterRequests: 1 + Math.floor(draw() * LAST_KILL),
    laterMs: Math.floor(draw() * ANSWER_MS),
  }));
  return kills.sort((a, b) => a.afterRequests - b.afterRequests);
}

const seed = runSeed();

interface Sent {
  readonly requestId: string;
  /** The client read the answer to its end. */
  readonly complete: boolean;
}

async function send(url: string, token: string, n: number): Promise<Sent | null> {
  try {
    const response = await fetch(`${url}/v1/messages`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        model: 'claude-sonnet-5',
        max_tokens: 100,
        stream: true,
        messages: [{ role: 'user', content: `${n} ${'x'.repeat(2000)}` }],
      }),
    });
    assert.equal(response.status, 200);
    const requestId = response.headers.get('x-request-id') ?? '';
    const complete = await response.text().then(
      (text) => text.includes('event: message_stop'),
      () => false,
    );
    return { requestId, complete };
  } catch (caught) {
    if (caught instanceof assert.AssertionError) throw caught;
    return null;
  }
}

it(`loses no usage and counts none twice over ${KILLS} kills (TALLYGATE_SEED=${seed})`, async () => {
  await using model = await openDemoModel({ host: '127.0.0.1', port: 0, wordMs: 2 });
  await using home = await createGatewayHome(gatewayYaml({ upstreamUrl: model.url }));
  const sent: Sent[] = [];
  const progress = new EventEmitter();
  let gateway: GatewayProcess = await startGateway(home);
  await using _last = { [Symbol.asyncDispose]: () => gateway[Symbol.asyncDispose]() };
  let left = REQUESTS;
  const client = async () => {
    while (left > 0) {
      const n = left--;
      const { url } = gateway;
      const result = await send(url, await mintSession(url, `user-${n % 3}`), n);
      if (result === null) {
        // The gateway was down: the request never was, so it is sent again.
        left += 1;
        await pause(20);
      } else {
        sent.push(result);
        progress.emit('sent');
      }
    }
  };
  const killer = async () => {
    for (const { afterRequests, laterMs } of drawKills(seed)) {
      while (sent.length < afterRequests) await once(progress, 'sent');
      await pause(laterMs);
      await gateway.end('SIGKILL');
      gateway = await startGateway(home);
    }
  };
  await Promise.all([killer(), ...Array.from({ length: PARALLEL }, client)]);
  await gateway.end('SIGTERM');
  gateway = await startGateway(home);
  const effective = await adminCall(gateway.url, '/effective?period[]=monthly');
  const { data } = (await effective.json()) as { data: { period_to_date_spend: string }[] };
  await gateway.end('SIGTERM');

  const recorded = readLedger(home.folder);
  const byId = Map.groupBy(recorded, ({ requestId }) => requestId);
  for (const [requestId, events] of byId) {
    assert.equal(events.length, 1, `${requestId} is in the ledger ${events.length} times`);
  }
  for (const { requestId, complete } of sent) {
    const [event] = byId.get(requestId) ?? [];
    assert.ok(event, `${requestId} got an answer and is missing`);
    if (!complete) assert.equal(event.estimated, true, `${requestId} was cut off`);
    assert.ok(event.costMicroUsd > 0);
  }
  assert.ok(sent.filter(({ complete }) => complete).length > REQUESTS / 2);
  assert.ok(
    recorded.some(({ outcome }) => outcome === 'orphaned'),
    'no kill hit a request',
  );
  const spent = data.reduce((sum, row) => sum + Number(row.period_to_date_spend), 0);
  const ledgered = recorded.reduce((sum, { costMicroUsd }) => sum + costMicroUsd, 0) / 10_000;
  assert.ok(Math.abs(spent - ledgered) < 0.01, `${spent} cents shown, ${ledgered} in the ledger`);
});
