// The Firestore client, and all that is peculiar to it. No transactions: the client's lock what
// they read until a dead process is noticed, and a read-only one whose first read fails leaves an
// unhandled rejection behind, unless it has a `readTime`. What must be atomic is one commit whose
// preconditions say what was read.

import { type CollectionReference, Firestore } from '@google-cloud/firestore';
import { AppError } from '#shared/errors/app-error.ts';
import { createGate } from '../sql/gate.ts';
import { createCallDeadlines } from './call-deadline.ts';
import { translated } from './firestore-errors.ts';
import type { CollectionName } from './queries.ts';

const DEADLINE_MS = 10_000;
/** What is still being cancelled when the client is closed is not waited for any longer. */
const TERMINATE_WITHIN_MS = 1000;
const RECONNECT_WITHIN_MS = 2000;
const ROOT = 'tallygate';

export interface FirestoreOptions {
  readonly projectId: string;
  /** Default: `(default)`. */
  readonly databaseId?: string;
  /** Everything is stored under the document `tallygate/<prefix>`. */
  readonly prefix: string;
  /** After how long a call counts as failed. Default: 10 000. */
  readonly deadlineMs?: number;
  /** `host:port` of an emulator, spoken to without TLS and credentials. */
  readonly host?: string;
}

/** What one call works on. */
export interface Documents {
  readonly client: Firestore;
  in(collection: CollectionName): CollectionReference;
  /** Aborted at the call's deadline, with the reason that the caller got. */
  readonly signal: AbortSignal;
}

export interface FirestoreDatabase extends AsyncDisposable {
  /**
   * One call: a round trip or a few that belong together.
   * @throws AppError `unavailable` when Firestore cannot be reached or the deadline has passed;
   * `conflict` for a create of what exists; `invalid_request` for what is too large to store.
   */
  run<T>(work: (documents: Documents) => Promise<T>): Promise<T>;
}

/**
 * Connects at the first call, not now: a control plane starts while Firestore is away.
 * @throws AppError `invalid_request` for a prefix that Firestore does not take as a document id.
 */
export function openFirestoreDatabase(options: FirestoreOptions): FirestoreDatabase {
  const { projectId, databaseId, prefix, deadlineMs = DEADLINE_MS, host } = options;
  assertDocumentId(prefix);
  const deadlines = createCallDeadlines(deadlineMs);
  const client = new Firestore({
    projectId,
    ...(databaseId === undefined ? {} : { databaseId }),
    ...(host === undefined ? {} : emulatorSettings(host)),
    'grpc.callInvocationTransformer': deadlines.tie,
    // Its default is two minutes: that long nobody would try after an outage.
    'grpc.max_reconnect_backoff_ms': RECONNECT_WITHIN_MS,
    // Otherwise a failed read is repeated after seconds by a layer that knows no status codes.
    gaxServerStreamingRetries: true,
  });
  const root = client.collection(ROOT).doc(prefix);
  const gate = createGate('the database');
  let closing: Promise<void> | null = null;
  const close = async () => {
    await gate.close();
    await within(TERMINATE_WITHIN_MS, client.terminate());
  };
  return {
    run: (work) =>
      gate.enter(async () => {
        try {
          return await deadlines.run((signal) =>
            work({ client, in: (collection) => root.collection(collection), signal }),
          );
        } catch (caught) {
          throw translated(caught);
        }
      }),
    [Symbol.asyncDispose]() {
      closing ??= close();
      return closing;
    },
  };
}

function emulatorSettings(host: string) {
  // The universe is named, or the client looks for a metadata server to ask for it.
  return { host, ssl: false, clientOptions: { universeDomain: 'googleapis.com' } };
}

function assertDocumentId(prefix: string): void {
  const isRefused = prefix === '' || prefix === '.' || prefix === '..' || /^__.*__$/.test(prefix);
  if (!isRefused && !prefix.includes('/') && Buffer.byteLength(prefix) <= 100) return;
  throw new AppError(
    'invalid_request',
    'the Firestore prefix must be a short name without slashes',
  );
}

async function within(ms: number, work: Promise<void>): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, ms);
  try {
    await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}
