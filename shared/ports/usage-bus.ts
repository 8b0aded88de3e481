/** What travels: the name is also the topic. */
export type Topic = 'usage.v1' | 'telemetry.v1' | 'alert.v1';

export interface Message {
  /** Chosen by the publisher; a redelivery carries the same. */
  readonly id: string;
  readonly data: Uint8Array;
  readonly attributes: Readonly<Record<string, string>>;
}

export interface Delivery extends Message {
  /** 1 at the first delivery. */
  readonly attempt: number;
}

export interface DeadLetter extends Message {
  readonly topic: Topic;
  readonly attempts: number;
  /** Operator text: why the last attempt failed. Never content. */
  readonly reason: string;
  readonly deadAtMs: number;
}

/**
 * What became of a batch. Ids in neither list are acknowledged. `failed` come again after a pause
 * and are dead-lettered after `attemptsMax`; `dead` can never be handled and go there at once.
 */
export interface BatchResult {
  readonly failed?: readonly { readonly id: string; readonly reason: string }[];
  readonly dead?: readonly { readonly id: string; readonly reason: string }[];
}

export interface SubscribeOptions {
  readonly topic: Topic;
  readonly batchMax: number;
  /** How many deliveries may be unacknowledged at once. */
  readonly inFlightMax: number;
  /** A handler that throws fails its whole batch. Called with one batch at a time. */
  readonly handle: (batch: readonly Delivery[]) => Promise<BatchResult>;
}

export interface Subscription extends AsyncDisposable {
  /** Resolves when what was delivered to this subscription so far has been handled and nothing waits. */
  idle(): Promise<void>;
}

/**
 * At-least-once, unordered. A publish resolves when the message is durable; a rejected publish was
 * not accepted and the caller still owns it. Dead letters stay until replayed or discarded.
 */
export interface UsageBus extends AsyncDisposable {
  publish(topic: Topic, message: Message): Promise<void>;
  subscribe(options: SubscribeOptions): Subscription;
  deadLetters(topic: Topic, limit: number): Promise<DeadLetter[]>;
  /** Puts a dead letter back on its topic with its attempts counted anew. False: no such letter. */
  replay(topic: Topic, id: string): Promise<boolean>;
}
