import type { AccountId } from '../domain/account.ts';

/** Usage that neither the quota store nor the bus took. */
export interface SpoolEntry {
  readonly id: string;
  readonly accounts: readonly AccountId[];
  /** `usage.v1`, one line of JSON. */
  readonly event: string;
}

/**
 * The last resort of a data plane: usage that nobody else takes waits here, on this machine. Entries
 * are handed out at least once and in no order; the id tells doubles apart.
 */
export interface UsageSpool extends AsyncDisposable {
  /** Resolves when the entry is durable. @throws AppError `unavailable` when it cannot be. */
  append(entry: SpoolEntry): Promise<void>;
  /** How many entries wait, those of a process that died here before included. */
  size(): number;
  /**
   * Hands the entries over one by one and forgets those that `take` resolves for; stops at the first
   * that it rejects. One drain at a time: a second joins the first. Answers how many were taken.
   */
  drain(take: (entry: SpoolEntry) => Promise<void>): Promise<number>;
}
