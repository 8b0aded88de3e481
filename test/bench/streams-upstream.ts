// The model behind `bench:streams`, as a process of its own: every stream gets an event four times a
// second until it is told to end. It counts its open streams and connections for the driver.

import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { answerEvents, sseEvent, startStream } from '../support/upstream.ts';

export type UpstreamOrder = 'count' | 'finish';

export interface UpstreamCounts {
  readonly streams: number;
  readonly connections: number;
}

const EVERY_MS = 250;
/** The streams begin evenly over a period, as real ones do. */
const PHASES = 25;
/** As long as one of a real answer of 41 events and 7 KB. */
const DELTA = sseEvent('content_block_delta', {
  index: 0,
  delta: { type: 'text_delta', text: 'some words of an answer that takes its time to be written ' },
});

function openUpstream(): void {
  const phases = Array.from({ length: PHASES }, () => new Set<ServerResponse>());
  const events = answerEvents();
  let nth = 0;
  let tick = 0;
  const server = createServer((req, res) => {
    req.resume();
    req.once('end', () => {
      nth += 1;
      const phase = phases[nth % PHASES]!;
      startStream(res);
      res.write(events.slice(0, 2).join(''));
      phase.add(res);
      res.once('close', () => phase.delete(res));
    });
  });
  setInterval(() => {
    tick += 1;
    for (const res of phases[tick % PHASES]!) res.write(DELTA);
  }, EVERY_MS / PHASES).unref();
  const streams = () => phases.flatMap((phase) => [...phase]);
  process.on('message', (order: UpstreamOrder) => {
    if (order === 'finish') {
      for (const res of streams()) res.end(events.slice(-3).join(''));
      return;
    }
    server.getConnections((_error, connections) => {
      process.send?.({ streams: streams().length, connections } satisfies UpstreamCounts);
    });
  });
  process.once('disconnect', () => process.exit());
  server.listen(0, '127.0.0.1', () => process.send?.((server.address() as AddressInfo).port));
}

if (import.meta.main) openUpstream();
