// Pings into a stream that is silent, so that nothing on the way takes it for dead while the model
// thinks. One timer for each stream, and a comparison of two numbers at each of its ticks.

export const PING = Buffer.from('event: ping\ndata: {"type": "ping"}\n\n');

const TICK_MS = 5_000;
const SILENT_MS = 15_000;

export interface KeepAlive {
  /** Something was sent, a ping included. */
  sent(): void;
  stop(): void;
}

/** `ping` is called at every tick after so long a silence, until something is sent. */
export function startKeepAlive(now: () => number, ping: () => void): KeepAlive {
  let sentAtMs = now();
  const ticker = setInterval(() => {
    if (now() - sentAtMs >= SILENT_MS) ping();
  }, TICK_MS).unref();
  return {
    sent() {
      sentAtMs = now();
    },
    stop: () => clearInterval(ticker),
  };
}
