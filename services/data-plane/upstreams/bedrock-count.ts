// Counting on Bedrock: the body that would be answered, in base64 within another body. Not every model
// can be counted, and the answer to one that cannot is never the same; so any failure means that the
// model is not tried again for a while, and the client is told to estimate.

import { bedrockFoundationId, builtinModel } from '#shared/domain/builtin-models.ts';
import type { Clock } from '#shared/domain/clock.ts';
import type { Sink } from '../attempt.ts';
import { parseJson } from '../meter.ts';
import { spliceBody } from '../splice.ts';
import { type ScannedObject, scanTopLevel } from '../top-level-scanner.ts';
import { isCount, isObject } from '../usage-counts.ts';
import { BEDROCK_VERSION, betaEdit, betasOf } from './bedrock-body.ts';
import { anthropicError } from './cloud-errors.ts';
import { type ErrorReply, KnownRefusal, type Translate, type UpstreamRequest } from './upstream.ts';

const AGAIN_MS = 600_000;
/** What the reference sends of the betas; others the counting call refuses. */
const COUNTED_BETAS: ReadonlySet<string> = new Set(['claude-code-20250219']);
const MESSAGE = 'count_tokens is not available on this Bedrock upstream';
const RULED: ReadonlySet<string> = new Set([
  ...['model', 'stream', 'tags', 'anthropic_version', 'anthropic_beta'],
  ...['max_tokens', 'thinking', 'tools'],
]);
const RAW_BYTES_MAX = 4096;
const ANSWER_BYTES_MAX = 65_536;

export interface BedrockCount {
  /** @throws KnownRefusal 501 for a model whose last count failed lately. */
  ask(request: UpstreamRequest): { path: string; body: Buffer[]; translate: Translate };
  /** True: that is news. */
  failed(model: string): boolean;
  refusal(requestId: string): ErrorReply;
}

export function createBedrockCount(clock: Clock): BedrockCount {
  const againMs = new Map<string, number>();
  const isResting = (model: string) => (againMs.get(model) ?? 0) > clock.now();
  return {
    ask(request) {
      const { upstreamModel, requestedModel } = request;
      if (isResting(upstreamModel)) throw new KnownRefusal(501);
      const model = foundationId(upstreamModel, requestedModel);
      return {
        path: `/model/${encodeURIComponent(model).replaceAll('%3A', ':')}/count-tokens`,
        body: wrapped(countedBody(request)),
        translate: (headers) => {
          const { 'content-length': _length, ...others } = headers;
          return { headers: others, open: openAnswer };
        },
      };
    },
    failed(model) {
      if (isResting(model)) return false;
      againMs.set(model, clock.now() + AGAIN_MS);
      return true;
    },
    refusal(requestId) {
      const error = { type: 'not_supported', message: MESSAGE };
      const reply = anthropicError(501, error, requestId);
      return { ...reply, headers: { ...reply.headers, 'x-should-retry': 'false' } };
    },
  };
}

/** Profiles cannot be counted, only models: what the profile names, else what the client asked for. */
function foundationId(upstreamModel: string, requestedModel: string): string {
  const named = upstreamModel.split('/').at(-1) ?? '';
  const builtin = builtinModel(named) ?? builtinModel(requestedModel);
  if (builtin !== null) return bedrockFoundationId(builtin.id);
  return /(?:^|\.)(anthropic\..+)$/.exec(named)?.[1] ?? upstreamModel;
}

function countedBody({ chunks, headers }: UpstreamRequest): Buffer[] {
  const scanned = scanTopLevel(chunks, RULED, RAW_BYTES_MAX);
  // The gate in front has read it as an object.
  if (scanned.outcome !== 'object') throw new KnownRefusal(501);
  const betas = betaEdit(scanned, (own) => {
    const all = new Set([...own, ...betasOf(headers['anthropic-beta'])]);
    return [...all].filter((beta) => COUNTED_BETAS.has(beta));
  });
  const tools = memberValue(scanned, 'tools');
  const isEmpty = Array.isArray(tools) && tools.length === 0;
  return spliceBody(chunks, scanned, {
    drop: [
      ...['model', 'stream', 'tags', 'anthropic_version', 'max_tokens'],
      ...(isEmpty ? ['tools'] : []),
      ...betas.drop,
    ],
    replace: betas.replace,
    add: {
      anthropic_version: BEDROCK_VERSION,
      max_tokens: String(maxTokens(scanned)),
      ...betas.add,
    },
  });
}

/** Bedrock wants one, and more of them than the model may think. */
function maxTokens(scanned: ScannedObject): number {
  const thinking = memberValue(scanned, 'thinking');
  const budget = isObject(thinking) ? thinking['budget_tokens'] : null;
  const given = memberValue(scanned, 'max_tokens');
  return Math.max(isCount(given) ? given : 1, isCount(budget) ? budget + 1 : 1);
}

function memberValue({ members }: ScannedObject, key: string): unknown {
  return parseJson(members.find((member) => member.key === key)?.raw ?? 'null');
}

const BEFORE = Buffer.from('{"input":{"invokeModel":{"body":"');
const BEHIND = Buffer.from('"}}}');

/** Base64 of chunks: three bytes at a time make four, so what is left of one goes with the next. */
function wrapped(chunks: readonly Buffer[]): Buffer[] {
  const out = [BEFORE];
  let left: Buffer = Buffer.alloc(0);
  for (const chunk of chunks) {
    const whole = left.length === 0 ? chunk : Buffer.concat([left, chunk]);
    const end = whole.length - (whole.length % 3);
    out.push(Buffer.from(whole.toString('base64', 0, end), 'latin1'));
    left = whole.subarray(end);
  }
  out.push(Buffer.from(left.toString('base64'), 'latin1'), BEHIND);
  return out;
}

/** `{"inputTokens":n}` → `{"input_tokens":n}`. */
function openAnswer(sink: Sink): Sink {
  const parts: Buffer[] = [];
  let bytes = 0;
  return {
    onData(chunk) {
      bytes += chunk.length;
      if (bytes <= ANSWER_BYTES_MAX) parts.push(Buffer.from(chunk));
      return true;
    },
    onEnd() {
      const value = parseJson(Buffer.concat(parts).toString());
      const count = isObject(value) ? value['inputTokens'] : null;
      if (!isCount(count)) sink.onDied(new Error('Bedrock counted without a count'));
      else {
        sink.onData(Buffer.from(JSON.stringify({ input_tokens: count })));
        sink.onEnd();
      }
    },
    onDied: (reason) => sink.onDied(reason),
  };
}
