import type { Clock } from '#shared/domain/clock.ts';
import type { Log } from '#shared/telemetry/log.ts';
import type { Outcome } from './attempt.ts';
import { type Circuit, createCircuit } from './circuit.ts';
import type { Fate } from './patient-subscription.ts';

export interface LinesDeps {
  readonly clock: Clock;
  readonly log: Log;
  /** What an operator reads of a destination, once at each turn. */
  readonly words: { readonly failing: string; readonly works: string };
}

/** Sends over the line to a destination, unless it is busy or known to fail. */
export type SendOver = (
  /** Its host names it to operators; two lines may have the same. */
  destination: { readonly key: string; readonly host: string },
  send: () => Promise<Outcome>,
) => Promise<Fate>;

interface Line {
  readonly circuit: Circuit;
  inFlight: number;
}

/** So that a hanging destination costs a bounded number of sockets and copies. */
const IN_FLIGHT_PER_DESTINATION_MAX = 64;
const FAILURES_MAX = 5;
const OPEN_SECONDS = 30;

/** One line per destination, so that one that fails is left alone and holds up no other. */
export function createLines({ clock, log, words }: LinesDeps): SendOver {
  const lines = new Map<string, Line>();
  const lineTo = (key: string): Line => {
    const options = { clock, failuresMax: FAILURES_MAX, openSeconds: OPEN_SECONDS };
    const line = lines.get(key) ?? { circuit: createCircuit(options), inFlight: 0 };
    lines.set(key, line);
    return line;
  };
  const fateOf = (destination: string, circuit: Circuit, outcome: Outcome): Fate => {
    if (outcome.outcome === 'failed') {
      const { reason, retryAfterSeconds } = outcome;
      if (circuit.failed(retryAfterSeconds)) log.warn(words.failing, { destination, reason });
      return { fate: 'failed', reason: `${destination}: ${reason}` };
    }
    // A refusal is an answer: the destination works.
    if (circuit.succeeded()) log.info(words.works, { destination });
    if (outcome.outcome === 'delivered') return { fate: 'done' };
    return { fate: 'dead', reason: `${destination}: ${outcome.reason}` };
  };
  return async ({ key, host }, send) => {
    const line = lineTo(key);
    if (line.inFlight >= IN_FLIGHT_PER_DESTINATION_MAX) {
      return { fate: 'failed', reason: 'the destination is busy' };
    }
    if (!line.circuit.admits()) return { fate: 'failed', reason: 'the destination is failing' };
    line.inFlight += 1;
    try {
      return fateOf(host, line.circuit, await send());
    } finally {
      line.inFlight -= 1;
    }
  };
}
