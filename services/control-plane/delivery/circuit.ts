import type { Clock } from '#shared/domain/clock.ts';

/** Keeps callers away from a destination that fails, and lets one through now and then to see. */
export interface Circuit {
  /** Whether to try now. While it is open, one caller per `openSeconds` is let through. */
  admits(): boolean;
  /** True: it was open and is closed now. */
  succeeded(): boolean;
  /** True: this failure opened it. @param retryAfterSeconds what the destination asked for */
  failed(retryAfterSeconds?: number): boolean;
}

export interface CircuitOptions {
  readonly clock: Clock;
  /** Failures in a row that open it. */
  readonly failuresMax: number;
  readonly openSeconds: number;
}

export function createCircuit({ clock, failuresMax, openSeconds }: CircuitOptions): Circuit {
  let failures = 0;
  let nextTrialMs = 0;
  const isOpen = () => failures >= failuresMax;
  const waitFor = (seconds: number) => {
    nextTrialMs = Math.max(nextTrialMs, clock.now() + seconds * 1000);
  };
  return {
    admits() {
      const now = clock.now();
      if (now < nextTrialMs) return false;
      if (isOpen()) waitFor(openSeconds);
      return true;
    },
    succeeded() {
      const wasOpen = isOpen();
      failures = 0;
      nextTrialMs = 0;
      return wasOpen;
    },
    failed(retryAfterSeconds = 0) {
      failures += 1;
      waitFor(isOpen() ? Math.max(openSeconds, retryAfterSeconds) : retryAfterSeconds);
      return failures === failuresMax;
    },
  };
}
