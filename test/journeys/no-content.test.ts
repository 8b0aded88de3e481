// No prompt and no completion is in anything that the gateway prints or keeps, whatever end a request
// comes to. The attack: words that nobody else says are put into prompts and answers over every end
// there is, a kill -9 included, with the log at debug; then everything that the processes printed and
// every byte under the folder is searched for them.

import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  adminCall,
  createGatewayHome,
  type GatewayProcess,
  gatewayYaml,
  mintSession,
  startGateway,
} from '../support/gateway.ts';
import { readLedger } from '../support/ledger-file.ts';
import {
  answers,
  type FakeUpstream,
  openFakeUpstream,
  type pausesAfter,
  refuses,
  sseEvent,
  startStream,
  streams,
} from '../support/upstream.ts';

const ASKED = 'heronasked';
const ANSWERED = 'heronanswered';
const SUB = 'person-7f3a';
const MODEL = 'claude-opus-4-8';
/** A letter that stands alone everywhere else. */
const LONG_MODEL = `claude-${'Q'.repeat(3_000)}`;
/** Many times, so that no page of a database can split all of them. */
const often = (word: string) => `${word} `.repeat(50);

const PROMPT = {
  model: MODEL,
  max_tokens: 64,
  system: often(ASKED),
  tools: [{ name: ASKED, description: ASKED, input_schema: { type: 'object' } }],
  metadata: { user_id: ASKED },
  messages: [{ role: 'user', content: often(ASKED) }],
};
const STREAM = { ...PROMPT, stream: true };
const ENV = { TALLYGATE_LOG_LEVEL: 'debug' };

async function send(gateway: GatewayProcess, body: unknown, init: RequestInit = {}) {
  const token = await mintSession(gateway.url, SUB);
  return fetch(`${gateway.url}/v1/messages`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: typeof body === 'string' ? body : JSON.stringify(body),
    ...init,
  });
}

/** A stream that says its words and stands still. */
const speaksAndStops = (then?: Parameters<typeof pausesAfter>[1]) =>
  ((res) => {
    startStream(res);
    const usage = { input_tokens: 10, output_tokens: 1 };
    res.write(sseEvent('message_start', { message: { role: 'assistant', usage } }));
    const delta = { type: 'text_delta', text: often(ANSWERED) };
    res.write(sseEvent('content_block_delta', { index: 0, delta }));
    then?.(res);
  }) satisfies ReturnType<typeof streams>;

/** Every end but the death of the process; the statuses that clients saw. */
async function everyEnd(gateway: GatewayProcess, upstream: FakeUpstream): Promise<number[]> {
  const statuses: number[] = [];
  const finish = async (body: unknown) => {
    const response = await send(gateway, body);
    statuses.push(response.status);
    // One that is no stream can only be cut.
    await response.text().catch(() => undefined);
  };
  upstream.behave(answers({ text: often(ANSWERED) }));
  await finish(PROMPT);
  upstream.behave(streams({ text: often(ANSWERED) }));
  await finish(STREAM);
  upstream.behave((res) => void res.end(JSON.stringify({ content: [{ text: ANSWERED }] })));
  await finish(PROMPT);
  const error = { type: 'invalid_request_error', message: `messages.0: '${often(ASKED)}' is bad` };
  for (const status of [400, 401, 500, 529]) {
    upstream.behave(refuses(status, {}, { type: 'error', error }));
    await finish(PROMPT);
  }
  upstream.behave(speaksAndStops((res) => setImmediate(() => res.socket?.destroy())));
  await finish(STREAM);
  upstream.behave((res) => {
    res.writeHead(200, { 'content-length': '1000' });
    res.write(ANSWERED, () => res.destroy());
  });
  await finish(PROMPT);
  await finish(`${JSON.stringify(PROMPT).slice(0, -1)},`);
  await finish({ ...PROMPT, model: LONG_MODEL });
  const aborter = new AbortController();
  upstream.behave(speaksAndStops());
  const left = await send(gateway, STREAM, { signal: aborter.signal });
  await left.body?.getReader().read();
  aborter.abort();
  return statuses;
}

async function filesUnder(folder: string): Promise<Map<string, Buffer>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const paths = entries.filter((one) => one.isFile()).map((one) => join(one.parentPath, one.name));
  return new Map(
    await Promise.all(paths.map(async (path) => [path, await readFile(path)] as const)),
  );
}

function assertSilent(printed: string, files: ReadonlyMap<string, Buffer>): void {
  const places = new Map([['the log', Buffer.from(printed)], ...files]);
  for (const [place, bytes] of places) {
    const text = bytes.toString('latin1');
    for (const word of [ASKED, ANSWERED]) assert.ok(!text.includes(word), `${word} is in ${place}`);
    const runs = text.match(/Q{20,}/g) ?? [];
    const longest = Math.max(0, ...runs.map(({ length }) => length));
    assert.ok(longest <= 256, `${longest} characters of a made-up model are in ${place}`);
  }
}

/** That something can be found at all: the person, and the model where it is cut off. */
function assertFindable(files: ReadonlyMap<string, Buffer>): void {
  const all = Buffer.concat([...files.values()]).toString('latin1');
  assert.ok(all.includes(SUB), 'the files of the gateway hold nothing that it was asked');
  assert.match(all, /Q{200}/, 'a refused model was not kept where it is searched for');
}

test('neither prompts nor answers are printed or kept, whatever end they come to', async () => {
  await using upstream = await openFakeUpstream();
  const more = 'enforcement: { reservation: ceiling }\n';
  await using home = await createGatewayHome(gatewayYaml({ upstreamUrl: upstream.url, more }));
  const printed: string[] = [];

  await using first = await startGateway(home, ENV);
  assert.deepEqual(
    await everyEnd(first, upstream),
    [200, 200, 200, 400, 502, 502, 529, 200, 200, 400, 400],
  );
  upstream.behave(speaksAndStops());
  const cut = await send(first, STREAM);
  await cut.body?.getReader().read();
  await first.end('SIGKILL');
  printed.push(first.output());
  const files = await filesUnder(home.folder);
  assertFindable(files);
  assertSilent(first.output(), files);

  await using second = await startGateway(home, ENV);
  assert.equal((await adminCall(second.url, '/effective?period[]=monthly')).status, 200);
  await second.end('SIGTERM');
  printed.push(second.output());
  assertSilent(printed.join('\n'), await filesUnder(home.folder));
  assert.ok(readLedger(home.folder).length >= 4);
  assert.match(printed.join('\n'), /"evt":"inference"/);
});
