// One fake for each provider: it takes only what the provider would take (its path, its credentials, its
// place for the model and for betas) and answers in the provider's own form. What it says is the
// scripted model's, the same behind all of them.

import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { messagesOf } from './aws.ts';
import { createInbox, type Inbox } from './inbox.ts';
import {
  DIALECTS,
  type Dialect,
  type Provider,
  type Refusal,
  type Told,
} from './provider-dialects.ts';
import { nextTurn, type Prompt, type Turn } from './scripted-model.ts';
import {
  answerEvents,
  answers,
  openFakeUpstream,
  type SeenRequest,
  sendJson,
  startStream,
} from './upstream.ts';

/** A request that the provider would have taken. */
export interface Asked extends Told {
  readonly seen: SeenRequest;
  readonly prompt: Prompt;
}

export interface ProviderFake extends AsyncDisposable {
  readonly provider: Provider;
  /** Its entry in `upstreams`, for the group that is called like it. */
  readonly yaml: string;
  /** In order of arrival. */
  readonly asked: Asked[];
  /** Requests for counts of tokens. */
  readonly counted: SeenRequest[];
  /** Why the provider would not have taken other requests. */
  readonly faults: unknown[];
  /** How it says from now on that a prompt is too long: a name in its dialect. */
  refuseAs(name: string): void;
  /** Those whose answers have stopped in the middle. */
  readonly stalled: Inbox<SeenRequest>;
}

export async function openProviderFake(provider: Provider): Promise<ProviderFake> {
  const dialect: Dialect = DIALECTS[provider];
  const upstream = await openFakeUpstream();
  const asked: Asked[] = [];
  const counted: SeenRequest[] = [];
  const faults: unknown[] = [];
  const stalled = createInbox<SeenRequest>();
  let [refusal = ''] = Object.keys(dialect.tooLong);
  upstream.behave((res, seen) => {
    try {
      const request = readRequest(seen, dialect);
      asked.push(request);
      const turn = nextTurn(request.prompt);
      if (turn.kind === 'too long') refuse(res, dialect.tooLong[refusal] ?? assert.fail(refusal));
      else if (request.isStream) stream(res, turn, dialect);
      else answerWhole(res, turn, seen);
      if (turn.kind === 'stall') stalled.put(seen);
    } catch (caught) {
      faults.push(caught);
      sendJson(res, 400, { message: 'see faults' });
    }
  });
  upstream.count((res, seen) => {
    counted.push(seen);
    sendJson(res, 404, {});
  });
  const place = [`name: ${provider}`, `groups: [${provider}]`, `base_url: ${upstream.url}`];
  const yaml = [`- provider: ${provider}`, ...place, ...dialect.yaml].join('\n    ');
  return {
    ...{ provider, yaml: `  ${yaml}\n`, asked, counted, faults, stalled },
    refuseAs: (name) => {
      refusal = name;
    },
    [Symbol.asyncDispose]: () => upstream[Symbol.asyncDispose](),
  };
}

/** Throws for what the provider would refuse. */
function readRequest(seen: SeenRequest, dialect: Dialect): Asked {
  dialect.check(seen);
  const [, ...inPath] = dialect.path.exec(seen.path) ?? assert.fail(`no path of its: ${seen.path}`);
  const prompt = JSON.parse(seen.body) as Prompt;
  return { seen, prompt, ...dialect.read({ seen, prompt, inPath }) };
}

function refuse(res: ServerResponse, { status, body }: Refusal): void {
  sendJson(res, status, body);
}

type Answer = Exclude<Turn, { kind: 'too long' }>;

function stream(res: ServerResponse, turn: Answer, { isBinary }: Dialect): void {
  if (isBinary) res.writeHead(200, { 'content-type': 'application/vnd.amazon.eventstream' });
  else startStream(res);
  const events = turn.kind === 'text' ? answerEvents(turn) : turn.events;
  for (const event of events) {
    for (const part of isBinary ? messagesOf(event) : [event]) res.write(part);
  }
  if (turn.kind !== 'stall') res.end();
}

function answerWhole(res: ServerResponse, turn: Answer, seen: SeenRequest): void {
  if (turn.kind !== 'text') assert.fail(`asked for a whole answer where it is ${turn.kind}`);
  void answers(turn)(res, seen);
}
