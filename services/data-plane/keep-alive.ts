// Pings into streams that are silent, so that nothing on the way takes them for dead while the model
// thinks. One timer for all streams, which runs while there are any; a comparison of two numbers for
// each at each of its ticks.

export const PING = Buffer.from('event: ping\ndata: {"type": "ping"}\n\n');

const TICK_MS = 5_000;
const SILENT_MS = 15_000;

export interface KeepAlive {
  /** Something was sent, a ping included. */
  sent(): void;
  stop(): void;
}

export interface KeepAlives extends Disposable {
  /** `ping` is called at every tick after so long a silence, until something is sent. */
  start(ping: () => void): KeepAlive;
}

interface Silence {
  sinceMs: number;
  readonly ping: () => void;
}

export function openKeepAlives(now: () => number): KeepAlives {
  const silences = new Set<Silence>();
  let ticker: NodeJS.Timeout | null = null;

  function tick(): void {
    const nowMs = now();
    for (const { sinceMs, ping } of silences) {
      if (nowMs - sinceMs >= SILENT_MS) ping();
    }
  }

  function rest(): void {
    if (ticker !== null) clearInterval(ticker);
    ticker = null;
  }

  return {
    start(ping) {
      const silence: Silence = { sinceMs: now(), ping };
      silences.add(silence);
      ticker ??= setInterval(tick, TICK_MS).unref();
      return {
        sent() {
          silence.sinceMs = now();
        },
        stop() {
          silences.delete(silence);
          if (silences.size === 0) rest();
        },
      };
    },
    [Symbol.dispose]: rest,
  };
}
