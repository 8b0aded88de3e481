// The reference's metering (captures 05b and 05h), replayed over HTTP: what the client gets and what it
// is billed for answers that end, break off, or are not what they should be.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, test } from 'node:test';
import {
  anthropicAt,
  type MessagesGateway,
  MODEL,
  openMessagesGateway,
  PROMPT,
} from '../support/messages-gateway.ts';
import { openFakeUpstream } from '../support/upstream.ts';
import { EDGE_CASES, type Scene, UNCOUNTED } from './spend-metering-scenes.ts';

interface Billed {
  readonly model: string;
  readonly input_tokens: number;
  readonly output_tokens: number;
  readonly cents: number;
}

interface Captured {
  readonly file: '05b' | '05h';
  readonly name: string;
  readonly client_status?: number;
  readonly metered: Billed | null;
}

const file = new URL('captures/05b-metering.jsonl', import.meta.url);
const captured = readFileSync(file, 'utf8')
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Captured);

type Tokens = readonly [input: number, output: number];

/** What a client that left pays: the prompt, which the reference gives away. */
const PROMPT_BILLED = 'a client that leaves before the first event pays the prompt';

/** On purpose not the same, and why. */
const DIFFERENT: Readonly<Record<string, readonly [why: string, billed: Tokens | null]>> = {
  'client aborts before any event; 87 kB prompt': [PROMPT_BILLED, [22_000, 0]],
  'client aborts while waiting for upstream headers; 87 kB prompt': [PROMPT_BILLED, [22_000, 0]],
  'client aborts non-stream before answer; 87 kB prompt': [PROMPT_BILLED, [22_000, 0]],
  'client aborts while waiting for upstream headers (stream)': [PROMPT_BILLED, [22_000, 0]],
  'client aborts after headers, before message_start': [PROMPT_BILLED, [22_000, 0]],
  'client aborts after a ping only': [PROMPT_BILLED, [22_000, 0]],
  'client aborts non-stream before answer': [PROMPT_BILLED, [22_000, 0]],
  'non-stream 30 MB body, usage at end': ['its count is read, however large it is', [1000, 1000]],
  'text deltas but no message_start': [
    'an answer has a prompt: what its bytes are worth',
    [21_765, 100],
  ],
  '302': ['a redirect is a failure of the upstream, and costs nothing', null],
};

/** On purpose not the same: the status that the client gets. */
const OTHER_STATUS: Readonly<Record<string, readonly [why: string, status: number]>> = {
  'status 401 with usage in body': ['it is our key that was refused', 502],
  'status 529 with usage in body': ['overloaded stays overloaded', 529],
  'stream: start, 10x40 chars, upstream destroys': ['an error event ends it', 200],
  'stream: upstream destroys before any event': ['an error event ends it', 200],
  'stream message_delta present but connection dies before message_stop': [
    ...(['an error event ends it', 200] as const),
  ],
};

function bodyOf({ isStream = false, isLong = false }: Scene): object {
  // As long as the reference's estimate of its own: the captures do not have the body.
  const content = isLong ? 'x'.repeat(86_957) : 'hi';
  const messages = [{ role: 'user', content }];
  return { ...PROMPT, max_tokens: 4_096, messages, ...(isStream ? { stream: true } : {}) };
}

/** Asks, and leaves when the scene says so. Null: there was no status yet. */
async function play(
  gateway: MessagesGateway,
  nextSeen: () => Promise<unknown>,
  scene: Scene,
): Promise<number | null> {
  const aborter = new AbortController();
  const asking = gateway.ask(bodyOf(scene), { signal: aborter.signal });
  if (scene.leaves === 'unanswered') {
    const gone = assert.rejects(asking);
    await nextSeen();
    aborter.abort();
    await gone;
    return null;
  }
  const response = await asking;
  if (scene.leaves === undefined) await response.arrayBuffer();
  else await response.body?.getReader().read();
  aborter.abort();
  return response.status;
}

async function replay({ name, client_status: clientStatus, metered }: Captured, scene: Scene) {
  await using upstream = await openFakeUpstream();
  upstream.behave(scene.behaviour);
  const counted = scene.counted === undefined ? 12 : scene.counted;
  upstream.count((res) => {
    res.writeHead(counted === null ? 500 : 200, { 'content-type': 'application/json' });
    res.end(JSON.stringify({ input_tokens: counted }));
  });
  await using gateway = await openMessagesGateway({ upstreams: [anthropicAt(upstream.url)] });
  const status = await play(gateway, () => upstream.next(), scene);
  if (status !== null && clientStatus !== undefined) {
    assert.equal(status, OTHER_STATUS[name]?.[1] ?? clientStatus);
  }
  await gateway.settled();
  const different = DIFFERENT[name];
  const same: Tokens | null = metered && [metered.input_tokens, metered.output_tokens];
  const expected = different === undefined ? same : different[1];
  const [event] = gateway.events;
  if (expected === null) return assert.equal(event, undefined);
  assert.deepEqual([event?.usage.inputTokens, event?.usage.outputTokens], expected);
  assert.equal(event?.servedModel, MODEL);
  if (different === undefined)
    assert.equal(event?.costMicroUsd, Math.round((metered?.cents ?? 0) * 10_000));
}

for (const [capture, scenes] of [
  ['05b', EDGE_CASES],
  ['05h', UNCOUNTED],
] as const) {
  describe(`capture ${capture}`, () => {
    for (const exchange of captured.filter(({ file: of }) => of === capture)) {
      test(exchange.name, () =>
        replay(exchange, scenes[exchange.name] ?? assert.fail(`describe it: ${exchange.name}`)),
      );
    }
  });
}

test('every difference that is named is one of them', () => {
  const names = new Set(captured.map(({ name }) => name));
  const named = [...Object.keys(DIFFERENT), ...Object.keys(OTHER_STATUS)];
  assert.deepEqual(
    named.filter((name) => !names.has(name)),
    [],
  );
});
