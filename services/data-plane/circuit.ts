// When one upstream is passed over for one model: too many of its last attempts failed, or it asked for
// time. A state machine over the time that it is told; no timer.
//
// Cost: a healthy one is asked with two comparisons and remembers an attempt in two array slots.

/** What an attempt was let through as. Only the one that it was given to may use it, once or twice. */
export type Pass = number;
export type Transition = 'opened' | 'closed' | null;

/** How many attempts are looked back at, and how long. */
const ATTEMPTS = 20;
const WINDOW_MS = 30_000;
/** So many failures open it, where they are at least half of the attempts. */
const FAILURES_MIN = 5;
const OPEN_MS = 5_000;
const OPEN_MS_MAX = 60_000;
/** However long an upstream asks for: it may be the wrong one of its many limits that spoke. */
const PAUSE_MS_MAX = 60_000;

/** Of the attempts that opened it. */
export interface CircuitTrouble {
  readonly failures: number;
  readonly attempts: number;
}

export class Circuit {
  readonly #atMs = new Float64Array(ATTEMPTS);
  readonly #isFailure = new Uint8Array(ATTEMPTS);
  #next = 0;
  /** Counts openings and closings: what was begun before the last of them says nothing any more. */
  #turn = 0;
  /** 0: closed. Once it has passed, one probe at a time is let through. */
  #openUntilMs = 0;
  #openMs = OPEN_MS;
  #isProbing = false;
  #pausedUntilMs = 0;
  #trouble: CircuitTrouble = { failures: 0, attempts: 0 };

  /** Whether an attempt may begin. */
  isFree(nowMs: number): boolean {
    if (isAhead(this.#pausedUntilMs, nowMs)) return false;
    if (this.#openUntilMs === 0) return true;
    return !isAhead(this.#openUntilMs, nowMs) && !this.#isProbing;
  }

  /** When it is free again, as far as is known; in the past while a probe is out. */
  get freeAtMs(): number {
    return Math.max(this.#openUntilMs, this.#pausedUntilMs);
  }

  /** Begins an attempt, be it free or not; of an open one that is free it is the probe. */
  enter(nowMs: number): Pass {
    const isProbe = this.#openUntilMs !== 0 && this.isFree(nowMs);
    if (isProbe) this.#isProbing = true;
    return this.#turn * 2 + (isProbe ? 1 : 0);
  }

  /** The attempt has shown nothing: it was given up, or never reached the upstream. */
  leave(pass: Pass): void {
    if (pass === this.#turn * 2 + 1) this.#isProbing = false;
  }

  worked(pass: Pass, nowMs: number): Transition {
    this.leave(pass);
    if (pass >> 1 !== this.#turn) return null;
    if (this.#openUntilMs === 0) {
      this.#remember(nowMs, false);
      return null;
    }
    this.#turn += 1;
    this.#openUntilMs = 0;
    this.#openMs = OPEN_MS;
    this.#atMs.fill(0);
    return 'closed';
  }

  failed(pass: Pass, nowMs: number): Transition {
    this.leave(pass);
    if (pass >> 1 !== this.#turn) return null;
    if (this.#openUntilMs !== 0) {
      if (isAhead(this.#openUntilMs, nowMs)) return null;
      this.#openMs = Math.min(this.#openMs * 2, OPEN_MS_MAX);
      this.#open(nowMs);
      return null;
    }
    this.#remember(nowMs, true);
    this.#trouble = this.#count(nowMs);
    const { failures, attempts } = this.#trouble;
    if (failures < FAILURES_MIN || failures * 2 < attempts) return null;
    this.#open(nowMs);
    return 'opened';
  }

  /** The upstream asked for so much time. */
  pause(ms: number, nowMs: number): void {
    this.#pausedUntilMs = nowMs + Math.min(ms, PAUSE_MS_MAX);
  }

  /** Null: closed. */
  trouble(): CircuitTrouble | null {
    return this.#openUntilMs === 0 ? null : this.#trouble;
  }

  #open(nowMs: number): void {
    this.#turn += 1;
    this.#isProbing = false;
    this.#openUntilMs = nowMs + this.#openMs;
  }

  #remember(nowMs: number, isFailure: boolean): void {
    this.#atMs[this.#next] = nowMs;
    this.#isFailure[this.#next] = isFailure ? 1 : 0;
    this.#next = (this.#next + 1) % ATTEMPTS;
  }

  #count(nowMs: number): CircuitTrouble {
    let failures = 0;
    let attempts = 0;
    for (let at = 0; at < ATTEMPTS; at += 1) {
      if ((this.#atMs[at] ?? 0) <= nowMs - WINDOW_MS) continue;
      attempts += 1;
      failures += this.#isFailure[at] ?? 0;
    }
    return { failures, attempts };
  }
}

/** A clock that was set back must not keep anything shut for longer than ever meant. */
function isAhead(untilMs: number, nowMs: number): boolean {
  return nowMs < untilMs && untilMs - nowMs <= OPEN_MS_MAX;
}
