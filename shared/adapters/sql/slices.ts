// SQLite works in the event loop's own thread. A batch of the ledger is some milliseconds of it, and every
// stream would stand still for so long; so after each millisecond the loop has a turn.

import { performance } from 'node:perf_hooks';
import type { DatabaseConnection } from 'kysely';

const SLICE_MS = 1;
/** After so long a pause somebody else has had the loop. */
const PAUSE_MS = 0.25;

/** A connection whose statements let others in between. They must wait their turn for the database itself. */
export function inSlices(connection: DatabaseConnection): DatabaseConnection {
  let beganMs = 0;
  let endedMs = 0;
  return {
    async executeQuery(query) {
      const nowMs = performance.now();
      if (nowMs - endedMs > PAUSE_MS) beganMs = nowMs;
      else if (nowMs - beganMs > SLICE_MS) {
        await new Promise((resolve) => setImmediate(resolve));
        beganMs = performance.now();
      }
      const result = await connection.executeQuery<never>(query);
      endedMs = performance.now();
      return result;
    },
    streamQuery: (query, chunkSize) => connection.streamQuery(query, chunkSize),
  };
}
