// An answer that came compressed although plain bytes were asked for. It is decoded on its way to the
// sink, with back-pressure both ways; an answer that came plain never meets this file.

import type { IncomingHttpHeaders } from 'node:http';
import * as zlib from 'node:zlib';
import type { Sink } from './attempt.ts';

/** A sink for the encoded bytes. */
export interface Decoder extends Sink {
  /** The sink behind it can take more. */
  resume(): void;
  /** Nothing more reaches the sink behind it. */
  stop(): void;
}

type Coding = 'gzip' | 'deflate' | 'br' | 'zstd';

const CODINGS: Readonly<Record<string, Coding>> = {
  gzip: 'gzip',
  'x-gzip': 'gzip',
  deflate: 'deflate',
  br: 'br',
  zstd: 'zstd',
};

const NOTHING = Buffer.alloc(0);

/** Null for plain bytes, and for a coding (or several) that nobody here can read: it passes as it is. */
export function codingOf({ 'content-encoding': named }: IncomingHttpHeaders): Coding | null {
  return named === undefined ? null : (CODINGS[named.trim().toLowerCase()] ?? null);
}

/** What is true of the decoded answer. */
export function decodedHeaders(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const { 'content-encoding': _coding, 'content-length': _length, ...others } = headers;
  return others;
}

/** `onDrained`: it can take more encoded bytes. */
export function openDecoder(coding: Coding, sink: Sink, onDrained: () => void): Decoder {
  let stream: zlib.Gunzip | null = null;
  let died: Error | null = null;
  let isOver = false;

  function end(cause: Error | null): void {
    if (isOver) return;
    isOver = true;
    if (cause === null) sink.onEnd();
    else sink.onDied(cause);
  }

  function open(first: Buffer): zlib.Gunzip {
    const opened = streamFor(coding, first);
    opened.on('data', (chunk: Buffer) => {
      if (!isOver && !sink.onData(chunk)) opened.pause();
    });
    opened.on('drain', onDrained);
    opened.on('end', () => end(died));
    // Also how a stream ends that was cut within: what came before it has been handed on.
    opened.on('error', (cause) => end(died ?? cause));
    return opened;
  }

  function finish(): void {
    // Ended before it has worked off its input, zlib drops what an unfinished stream still decodes to.
    if (stream === null) end(died);
    else stream.write(NOTHING, () => stream?.end());
  }

  return {
    onData(chunk) {
      stream ??= open(chunk);
      return stream.write(chunk);
    },
    onEnd: finish,
    onDied(cause) {
      died = cause;
      finish();
    },
    resume: () => stream?.resume(),
    stop() {
      isOver = true;
      stream?.destroy();
    },
  };
}

function streamFor(coding: Coding, first: Buffer): zlib.Gunzip {
  switch (coding) {
    case 'gzip':
      return zlib.createGunzip();
    case 'deflate':
      // RFC 9110 §8.4.1.2 wants the zlib format; many send the bare one.
      return ((first[0] ?? 0) & 0x0f) === 0x08 ? zlib.createInflate() : zlib.createInflateRaw();
    case 'br':
      return zlib.createBrotliDecompress();
    case 'zstd':
      return zlib.createZstdDecompress();
  }
}
