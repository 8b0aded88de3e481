// The circuits of all upstreams: one for each upstream, model and operation, and one for what the
// upstream thinks of the gateway's credentials, whatever the model. They live as long as the upstream
// object: a changed configuration begins afresh, so a key that was mended is used at once.
//
// Cost of a healthy one: two lookups in maps and one small object for the attempt.

import type { Log } from '#shared/telemetry/log.ts';
import { Circuit, type Pass, type Transition } from './circuit.ts';
import type { Candidate } from './plan.ts';
import type { Operation, Upstream } from './upstreams/upstream.ts';

/**
 * What an attempt showed. `worked`: the upstream is alive, even if it refuses this request.
 * `unauthorized`: it does not take the gateway's credentials. `nothing`: it is over.
 */
export type Sign = 'worked' | 'failed' | 'unauthorized' | 'nothing';

/** An attempt on its way. */
export interface Passage {
  /**
   * First its headers, then perhaps that it broke off, and at the end `nothing`, which takes back no
   * word that was said. `why`: for the log.
   */
  shows(sign: Sign, why: string): void;
  /** The upstream asked for so much time. */
  asksForTime(ms: number): void;
}

export interface Circuits {
  /** Null: to be passed over for now. */
  enter(candidate: Candidate, operation: Operation): Passage | null;
  /** Of those that were passed over the one that opens soonest, let through all the same. */
  force(passedOver: readonly Candidate[], operation: Operation): ForcedPassage | null;
  /** A sentence on each that is open; empty when all is well. */
  open(upstreams: readonly Upstream[]): string[];
  /** Every one that has seen a request, open or not. */
  states(upstreams: readonly Upstream[]): CircuitState[];
}

export interface CircuitState {
  readonly upstream: string;
  /** The id that the upstream knows the model by; null: what it thinks of the credentials. */
  readonly model: string | null;
  readonly operation: Operation;
  readonly isOpen: boolean;
}

export interface ForcedPassage {
  readonly candidate: Candidate;
  readonly passage: Passage;
}

export interface CircuitsDeps {
  readonly now: () => number;
  readonly log: Log;
}

interface Gate {
  readonly upstream: string;
  /** Null: of the credentials. */
  readonly model: string | null;
  readonly operation: Operation;
  readonly circuit: Circuit;
}

interface Gates {
  readonly credentials: Gate;
  readonly messages: Map<string, Gate>;
  readonly count_tokens: Map<string, Gate>;
}

export function openCircuits({ now, log }: CircuitsDeps): Circuits {
  const all = new WeakMap<Upstream, Gates>();

  function gatesOf(upstream: Upstream): Gates {
    const known = all.get(upstream);
    if (known !== undefined) return known;
    const credentials = createGate(upstream, 'messages', null);
    const gates = { credentials, messages: new Map(), count_tokens: new Map() };
    all.set(upstream, gates);
    return gates;
  }

  function gateOf(
    gates: Gates,
    { upstream, upstreamModel }: Candidate,
    operation: Operation,
  ): Gate {
    const known = gates[operation].get(upstreamModel);
    if (known !== undefined) return known;
    const gate = createGate(upstream, operation, upstreamModel);
    gates[operation].set(upstreamModel, gate);
    return gate;
  }

  function tell(gate: Gate, transition: Transition, why: string): void {
    if (transition === null) return;
    const { upstream, model, operation } = gate;
    const fields = { upstream, ...(model === null ? {} : { model, operation }) };
    if (transition === 'closed') {
      log.info('an upstream serves again', fields);
      return;
    }
    const { failures, attempts } = gate.circuit.trouble() ?? {};
    log.warn('an upstream is passed over after failures', { ...fields, failures, attempts, why });
  }

  function passage(own: Gate, credentials: Gate): Passage {
    const pass: Pass = own.circuit.enter(now());
    const keyPass: Pass = credentials.circuit.enter(now());
    return {
      shows(sign, why) {
        const nowMs = now();
        const { circuit } = own;
        const key = credentials.circuit;
        if (sign === 'worked') {
          tell(own, circuit.worked(pass, nowMs), why);
          tell(credentials, key.worked(keyPass, nowMs), why);
        } else if (sign === 'failed') {
          tell(own, circuit.failed(pass, nowMs), why);
          key.leave(keyPass);
        } else {
          circuit.leave(pass);
          if (sign === 'nothing') key.leave(keyPass);
          else tell(credentials, key.failed(keyPass, nowMs), why);
        }
      },
      asksForTime: (ms) => own.circuit.pause(ms, now()),
    };
  }

  return {
    enter(candidate, operation) {
      const gates = gatesOf(candidate.upstream);
      const own = gateOf(gates, candidate, operation);
      const nowMs = now();
      const isFree = own.circuit.isFree(nowMs) && gates.credentials.circuit.isFree(nowMs);
      return isFree ? passage(own, gates.credentials) : null;
    },
    force(passedOver, operation) {
      let soonest: { candidate: Candidate; own: Gate; credentials: Gate; atMs: number } | null =
        null;
      for (const candidate of passedOver) {
        const gates = gatesOf(candidate.upstream);
        const own = gateOf(gates, candidate, operation);
        const { credentials } = gates;
        const atMs = Math.max(own.circuit.freeAtMs, credentials.circuit.freeAtMs);
        if (soonest === null || atMs < soonest.atMs)
          soonest = { candidate, own, credentials, atMs };
      }
      if (soonest === null) return null;
      const { candidate, own, credentials } = soonest;
      return { candidate, passage: passage(own, credentials) };
    },
    open: (upstreams) => upstreams.flatMap((upstream) => sentences(gatesIn(all.get(upstream)))),
    states: (upstreams) =>
      upstreams
        .flatMap((upstream) => gatesIn(all.get(upstream)))
        .map(({ circuit, ...gate }) => ({ ...gate, isOpen: circuit.trouble() !== null })),
  };
}

function createGate({ ref }: Upstream, operation: Operation, model: string | null): Gate {
  return { upstream: ref.name, operation, model, circuit: new Circuit() };
}

function gatesIn(gates: Gates | undefined): Gate[] {
  if (gates === undefined) return [];
  return [gates.credentials, ...gates.messages.values(), ...gates.count_tokens.values()];
}

function sentences(gates: readonly Gate[]): string[] {
  return gates.flatMap((gate) => {
    const trouble = gate.circuit.trouble();
    if (trouble === null) return [];
    const { upstream, model, operation } = gate;
    const what = operation === 'messages' ? `for ${model}` : `for counting tokens of ${model}`;
    const { failures, attempts } = trouble;
    const count = `${failures} of its last ${attempts} attempts`;
    return model === null
      ? `${upstream} is passed over: it refused the gateway's credentials in ${count}`
      : `${upstream} is passed over ${what}: ${count} failed`;
  });
}
