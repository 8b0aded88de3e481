export interface Job {
  /** Unique; also what an operator sees. */
  readonly name: string;
  readonly everySeconds: number;
  /** Must be idempotent: it may run again after a crash. */
  readonly run: (signal: AbortSignal) => Promise<void>;
}

export interface JobState {
  readonly name: string;
  readonly lastRunMs: number | null;
  readonly lastDurationMs: number | null;
  /** Operator text of the last failure; null after a success. */
  readonly lastError: string | null;
  readonly running: boolean;
}

/**
 * Recurring jobs, each at most once at a time and once per tick across all instances. A job that
 * fails is logged and runs again at its next tick; one that is slow skips ticks.
 */
export interface JobRunner extends AsyncDisposable {
  schedule(job: Job): Promise<void>;
  /** Runs now, or joins the run that is under way; rejects when the run fails. */
  runNow(name: string): Promise<void>;
  states(): Promise<JobState[]>;
}
