// Reads usage beside the bytes that pass. Exact at every chunk split, bounded in memory, and never in
// the client's way: a meter that cannot read something says so by what it does not know.
//
// Cost: one indexOf per line; only frames that can carry usage are parsed, deltas are measured.

import type { Usage } from '#shared/domain/usage.ts';
import { deltaTextUnits } from './delta-text.ts';
import { SseLines } from './sse-lines.ts';
import { TopLevelScanner } from './top-level-scanner.ts';
import { isObject, type ReportedUsage, readReport, toUsage } from './usage-counts.ts';

export interface Metered {
  /** The model has begun to answer: what follows is owed. */
  readonly started: boolean;
  /** The upstream's own count; null where it gave none, or one that cannot be. */
  readonly usage: Usage | null;
  /** `usage` is of the whole answer, not only of its prompt. */
  readonly isFinal: boolean;
  /** Answered so far: UTF-16 units of a stream's deltas; for a body that is no stream, all its bytes. */
  readonly textUnits: number;
  /** `error.type` of an error event in the stream. */
  readonly errorType: string | null;
}

export interface Meter {
  push(chunk: Buffer): void;
  end(): void;
  /** Cheap: asked for every chunk. */
  hasStarted(): boolean;
  read(): Metered;
}

export const UNMETERED: Metered = {
  started: false,
  usage: null,
  isFinal: false,
  textUnits: 0,
  errorType: null,
};

const USAGE_RAW_BYTES_MAX = 65_536;
const USAGE: ReadonlySet<string> = new Set(['usage']);

export function createJsonMeter(): Meter {
  const scanner = new TopLevelScanner(USAGE, USAGE_RAW_BYTES_MAX);
  let bytes = 0;
  let usage: Usage | null = null;
  return {
    push(chunk) {
      bytes += chunk.length;
      scanner.push(chunk);
    },
    end() {
      const scanned = scanner.end();
      const raw = scanned.outcome === 'object' ? scanned.members.at(-1)?.raw : null;
      const report = readReport(parseJson(raw ?? 'null'), null);
      usage = report === null ? null : toUsage(report);
    },
    hasStarted: () => bytes > 0,
    read: () => ({
      started: bytes > 0,
      usage,
      isFinal: usage !== null,
      textUnits: bytes,
      errorType: null,
    }),
  };
}

export function createSseMeter(): Meter {
  const lines = new SseLines(onFrame);
  let started = false;
  let isFinal = false;
  let isRefused = false;
  let report: ReportedUsage | null = null;
  let textUnits = 0;
  let errorType: string | null = null;

  function take(usage: unknown): void {
    if (usage === undefined || isRefused) return;
    report = readReport(usage, report);
    isRefused = report === null;
  }

  function onFrame(data: Buffer, start: number, end: number, event: string): void {
    const type = event === '' ? frameType(data.subarray(start, end)) : event;
    if (type === 'content_block_delta') {
      started = true;
      textUnits += deltaTextUnits(data, start, end);
    } else if (type === 'message_start') {
      started = true;
      const message = member(parseJson(data.toString('utf8', start, end)), 'message');
      take(member(message, 'usage'));
    } else if (type === 'message_delta') {
      started = true;
      const usage = member(parseJson(data.toString('utf8', start, end)), 'usage');
      take(usage);
      // Without a prompt count it is not the whole answer's.
      if (usage !== undefined) isFinal = report?.counts.input !== undefined;
    } else if (type === 'error') {
      const named = member(member(parseJson(data.toString('utf8', start, end)), 'error'), 'type');
      errorType = typeof named === 'string' ? named : 'api_error';
    }
  }

  return {
    push: (chunk) => lines.push(chunk),
    end: () => lines.end(),
    hasStarted: () => started,
    read: () => {
      // Of the output, message_start knows only the first token.
      const usage = report?.counts.input === undefined ? null : toUsage(report);
      return {
        started,
        usage: usage === null || isFinal ? usage : { ...usage, outputTokens: 0 },
        isFinal,
        textUnits: textUnits + lines.skippedBytes,
        errorType,
      };
    },
  };
}

function member(value: unknown, key: string): unknown {
  return isObject(value) ? value[key] : undefined;
}

/** The value of the first `"type"`, which in frames of this API comes first and names the event. */
function frameType(data: Buffer): string {
  const key = data.indexOf('"type"');
  if (key < 0) return '';
  const open = data.indexOf(0x22, key + 6);
  const close = data.indexOf(0x22, open + 1);
  return open < 0 || close < 0 || close - open > 40 ? '' : data.toString('latin1', open + 1, close);
}

export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
