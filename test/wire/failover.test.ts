// When the next upstream is asked, and what the client gets when none serves: captured (03) with two
// upstreams and every pair of faults, replayed over HTTP. What is not the same on purpose is in `ours`.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, describe, test } from 'node:test';
import {
  type Case,
  type FailoverPair,
  OVERLOADED_EVENT,
  openFailoverPair,
  type Told,
} from './failover-pair.ts';

interface Client {
  readonly status: number;
  readonly from: Told['from'];
  readonly retry_after?: string;
  readonly x_should_retry?: string;
  /** The connection broke. */
  readonly error?: string;
  /** Only of the gateway's own words: an upstream's are `<status> from <side>`. */
  readonly body?: string;
}

interface Row {
  readonly stream?: boolean;
  readonly first: string;
  readonly second: string;
  readonly calls: [number, number];
  readonly client: Client;
  readonly audit?: { readonly upstream: string; readonly status: number };
}

type Line = Row & { readonly kind: string; readonly name: string };

const captured = readFileSync(new URL('captures/03-failover.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Line);
const ofKind = (kind: string) => captured.filter((line) => line.kind === kind);
const named = (name: string): Record<string, unknown> => {
  const line = captured.find((one) => one.name === name) ?? assert.fail(name);
  return { ...line };
};

const TTFB_MS = 800;
const NEXT = { status: 200, from: 'B' } as const;
const gatewaySays = (message: string): Client => ({
  status: 502,
  from: 'gateway',
  body: `{"type":"error","request_id":"<uuid>","error":{"type":"api_error","message":"${message}"}}`,
});
const CHECK = '— check the gateway operator';
const REFUSED_KEY: Readonly<Record<number, Client>> = {
  401: gatewaySays(`the gateway could not sign in to its upstream ${CHECK}`),
  403: gatewaySays(`the upstream does not let the gateway use this model ${CHECK}`),
};

interface Difference {
  readonly why: string;
  readonly holds: (row: Row) => boolean;
  readonly ours: (row: Row) => Partial<Row>;
}

/** The first that holds. */
const DIFFERENCES: readonly Difference[] = [
  {
    why: 'a redirect is no answer: the next one is asked, and nobody follows it',
    holds: ({ first }) => first === '302',
    ours: () => ({ calls: [1, 1], client: NEXT, audit: { upstream: 'b', status: 200 } }),
  },
  {
    why: 'a stream that dies ends in an error event',
    holds: ({ client }) => client.error !== undefined,
    ours: () => ({ client: { status: 200, from: 'A' } }),
  },
  {
    why: 'overload stays overload, and says when to come back, unless somebody said 429',
    holds: ({ client, calls, ...row }) =>
      [401, 403, 404, 501, 502].includes(client.status) &&
      (row.first === '529' || (row.second === '529' && calls[1] === 1)),
    ours: ({ second }) => {
      const [from, retry_after] =
        second === '529' ? (['B', '22'] as const) : (['A', '11'] as const);
      return { client: { status: 529, from, retry_after, x_should_retry: 'true' } };
    },
  },
  {
    why: 'the gateway’s own key is the operator’s to mend: no client is to sign in again',
    holds: ({ client }) => client.status in REFUSED_KEY,
    ours: ({ client }) => ({ client: REFUSED_KEY[client.status] ?? assert.fail() }),
  },
];

function expected(row: Row): Row {
  const difference = DIFFERENCES.find(({ holds }) => holds(row));
  return difference === undefined ? row : { ...row, ...difference.ours(row) };
}

function toldAs({ client, calls }: Row) {
  return { client, calls };
}

/** What came, in the words of the captures. */
function seenAs({ status, from, retryAfter, shouldRetry, calls, body, requestId }: Told) {
  const client: Client = {
    ...{ status, from },
    ...(retryAfter === null ? {} : { retry_after: retryAfter }),
    ...(shouldRetry === null ? {} : { x_should_retry: shouldRetry }),
    ...(from === 'gateway' ? { body: body.replaceAll(requestId ?? '', '<uuid>') } : {}),
  };
  return { client, calls: [...calls] };
}

function assertWords({ status, from, body }: Told): void {
  if (from === 'gateway') return;
  const error = `{"type":"error","error":{"type":"some_error","message":"${status} from ${from}"}}`;
  if (status >= 300) assert.equal(body, error);
  if (status === 204) assert.equal(body, '');
}

describe('failover as captured', () => {
  const pairs = ofKind('pair');
  let pair: FailoverPair;
  let hasty: FailoverPair;
  /** What waits for time-outs waits at once, from the start. */
  const waiting = new Map<Row, Promise<Told>>();
  let dawdled: Promise<number[]>;
  before(async () => {
    [pair, hasty] = await Promise.all([openFailoverPair(30_000), openFailoverPair(TTFB_MS)]);
    for (const row of pairs) if (isSlow(row)) waiting.set(row, replay(row));
    dawdled = callsToFirst(hasty, 'ttfb', 6);
  });
  after(async () => {
    await pair[Symbol.asyncDispose]();
    await hasty[Symbol.asyncDispose]();
  });

  const isSlow = ({ first, second }: Case) => first === 'ttfb' || second === 'ttfb';

  /** What failed before, for another model, is forgotten: each case is the first. */
  async function replay(row: Case): Promise<Told> {
    const at = isSlow(row) ? hasty : pair;
    if (at === pair) pair.gateway.clock.advance(61_000);
    const told = await at.ask(row);
    assertWords(told);
    return told;
  }

  for (const row of ofKind('first').map((line) => ({ ...line, second: '200' }))) {
    test(`${row.stream === true ? 'a stream, ' : ''}first ${row.first}, then one that serves`, async () => {
      const wanted = expected(row);
      const { log } = (isSlow(row) ? hasty : pair).gateway;
      const told = await replay(row);
      assert.deepEqual(seenAs(told), toldAs(wanted));
      if (row.client.error !== undefined)
        assert.match(told.body, /^event: error\n|\nevent: error\n/m);
      const audit = log.lines.findLast(({ message }) => message === 'inference')?.fields;
      assert.deepEqual({ upstream: audit?.['upstream'], status: audit?.['status'] }, wanted.audit);
    });
  }

  for (const first of new Set(pairs.map((row) => row.first))) {
    test(`both fail: first ${first}, then each of the others`, async () => {
      const rows = pairs.filter((row) => row.first === first);
      const found: unknown[] = [];
      for (const row of rows) {
        const told = await (waiting.get(row) ?? replay(row));
        found.push([row.second, seenAs(told)]);
      }
      assert.deepEqual(
        found,
        rows.map((row) => [row.second, toldAs(expected(row))]),
      );
    });
  }

  test('every pair of 17 is there, and every difference is one', () => {
    assert.equal(pairs.length, 17 * 17);
    const all = [...pairs, ...ofKind('first')];
    for (const { why, holds } of DIFFERENCES) assert.ok(all.some(holds), why);
  });

  const counts: readonly (readonly [string, string, string])[] = [
    ['count_tokens failover A=500', '500', '200'],
    ['count_tokens both 404', '404', '404'],
    ['count_tokens both 501', '501', '501'],
    ['count_tokens both 400', '400', '400'],
  ];
  for (const [name, first, second] of counts) {
    test(name, async () => {
      const told = await replay({ path: '/v1/messages/count_tokens', first, second });
      const { status, calls, body } = named(name);
      assert.deepEqual([told.status, told.calls], [status, calls]);
      if (body !== undefined) assert.equal(told.body, body);
    });
  }

  test('200 stream whose first event is an overloaded error', async () => {
    const told = await replay({ stream: true, first: 'overloadedEvent', second: '200' });
    const { body, status, calls } = named('200 stream whose first event is an overloaded error');
    assert.equal(body, OVERLOADED_EVENT);
    assert.deepEqual([told.status, told.calls, told.body], [status, calls, body]);
  });

  async function callsToFirst(at: FailoverPair, first: string, times: number): Promise<number[]> {
    const calls: number[] = [];
    for (let i = 0; i < times; i += 1) {
      const told = await at.ask({ first, second: '200', model: 'case-999' });
      assert.equal(told.status, 200);
      calls.push(told.calls[0]);
    }
    return calls;
  }

  // The reference has no circuit: it asks a dead upstream each time.
  test('20 requests while the first upstream fails ask it until its circuit opens', async () => {
    const name = '20 consecutive requests while first upstream returns 500: calls to first';
    const calls = named(name)['calls'] as number[];
    const ours = calls.map((call, index) => (index < 5 ? call : 0));
    assert.deepEqual(await callsToFirst(pair, '500', calls.length), ours);
    const [sentence] = pair.gateway.passedOver();
    assert.equal(sentence, 'a is passed over for case-999: 5 of its last 5 attempts failed');
  });

  test('so do 6 while it exceeds the time to first byte', async () => {
    const name = '5 consecutive requests while first upstream exceeds ttfb: calls to first';
    assert.deepEqual(await dawdled, [...(named(name)['calls'] as number[]), 0]);
  });
});
