// Messages of AWS's binary event stream (application/vnd.amazon.eventstream), from bytes split
// anywhere: each says its own length in its first four bytes. Holds one unfinished message, no more.

/** Twelve bytes in front of the headers, and a checksum of four behind the body. */
const MESSAGE_BYTES_MIN = 16;
/** What AWS's own libraries read at most. */
const MESSAGE_BYTES_MAX = 25_165_824;
const LENGTH_BYTES = 4;

export class EventStreamFrames {
  readonly #onMessage: (bytes: Buffer) => void;
  /** The unfinished message so far. */
  #parts: Buffer[] = [];
  #bytes = 0;

  /** @param onMessage gets each whole message, its checksums unread; the bytes are only lent. */
  constructor(onMessage: (bytes: Buffer) => void) {
    this.#onMessage = onMessage;
  }

  /** @throws Error for a length that no message has; nothing can be read after it. */
  push(chunk: Buffer): void {
    let rest = chunk;
    while (rest.length > 0) {
      const length = this.#lengthWith(rest);
      if (length === null || this.#bytes + rest.length < length) {
        this.#keep(rest);
        return;
      }
      const end = length - this.#bytes;
      const tail = rest.subarray(0, end);
      rest = rest.subarray(end);
      const message = this.#bytes === 0 ? tail : Buffer.concat([...this.#parts, tail]);
      this.#parts = [];
      this.#bytes = 0;
      this.#onMessage(message);
    }
  }

  /** A message has begun that is not whole. */
  isWithin(): boolean {
    return this.#bytes > 0;
  }

  /** Null: not even the length is there. */
  #lengthWith(rest: Buffer): number | null {
    if (this.#bytes + rest.length < LENGTH_BYTES) return null;
    const first = this.#parts[0];
    const head =
      first !== undefined && first.length >= LENGTH_BYTES
        ? first
        : Buffer.concat([...this.#parts, rest.subarray(0, LENGTH_BYTES)]);
    const length = head.readUInt32BE(0);
    if (length < MESSAGE_BYTES_MIN || length > MESSAGE_BYTES_MAX) {
      throw new Error(`a message of ${length} bytes in an event stream`);
    }
    return length;
  }

  #keep(bytes: Buffer): void {
    this.#parts.push(Buffer.from(bytes));
    this.#bytes += bytes.length;
  }
}
