/** What the bus waits for and how much it holds. Milliseconds unless a name says otherwise. */
export interface PubSubTuning {
  /** A publish request leaves with this many messages, or after this long. */
  readonly publishBatchMax: number;
  readonly publishLingerMs: number;
  /** A publish that Pub/Sub has not acknowledged by then is rejected. */
  readonly publishTotalMs: number;
  /** The same for everything else that Pub/Sub is asked. */
  readonly callTotalMs: number;
  /** What may wait for Pub/Sub at once; one more publish is rejected at once. */
  readonly pendingMax: number;
  readonly pendingBytesMax: number;
  /** How long the first delivery of a batch waits for others. */
  readonly batchLingerMs: number;
  /**
   * The pauses before a failed message comes again, given to Pub/Sub when a subscription is
   * created; they grow from the first to the second. Null: at once.
   */
  readonly redelivery: { readonly minMs: number; readonly maxMs: number } | null;
  /** How long Pub/Sub waits for a consumer that died, 10 to 600. A living one extends it. */
  readonly ackDeadlineSeconds: number;
  /** Pauses before a subscription that broke is opened again; they double. */
  readonly reopenMinMs: number;
  readonly reopenMaxMs: number;
  /** `idle` resolves when nothing has come for this long. */
  readonly quietMs: number;
  /** How long a reader of dead letters waits for one more; 0: not at all. */
  readonly pullWaitMs: number;
  /** What closing waits for publishes and acknowledgements under way. */
  readonly closeWithinMs: number;
}

export const PUBSUB_DEFAULTS: PubSubTuning = {
  publishBatchMax: 500,
  publishLingerMs: 50,
  publishTotalMs: 30_000,
  callTotalMs: 10_000,
  pendingMax: 10_000,
  pendingBytesMax: 64 * 1024 * 1024,
  batchLingerMs: 100,
  redelivery: { minMs: 1000, maxMs: 600_000 },
  ackDeadlineSeconds: 30,
  reopenMinMs: 200,
  reopenMaxMs: 5000,
  quietMs: 1000,
  pullWaitMs: 1000,
  closeWithinMs: 10_000,
};
