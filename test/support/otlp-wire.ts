// A protobuf writer and reader of a few lines, on purpose not the library of the code under test:
// what it reads is what is on the wire.

export type WireValue = string | number | Uint8Array | readonly WireField[];
export type WireField = readonly [number: number, value: WireValue];

/** Texts, bytes and nested messages are length-delimited, numbers are varints. */
export function encodeWire(fields: readonly WireField[]): Buffer {
  return Buffer.concat(fields.map(encodeField));
}

/** Every value at a path of field numbers, in order of appearance. */
export function valuesAt(message: Uint8Array, path: readonly number[]): Buffer[] {
  const [number, ...rest] = path;
  if (number === undefined) return [Buffer.from(message)];
  return readFields(message)
    .filter((field) => field.number === number && field.bytes !== null)
    .flatMap((field) => valuesAt(field.bytes ?? Buffer.alloc(0), rest));
}

/** The key-values of every holder at a path, as texts. */
export function attributesAt(
  message: Uint8Array,
  holder: readonly number[],
  attributes: number,
): Record<string, string>[] {
  return valuesAt(message, holder).map((bytes) => {
    const entries = valuesAt(bytes, [attributes]).map((entry) => {
      return [texts(entry, [1]).join(), texts(entry, [2, 1]).join()] as const;
    });
    return Object.fromEntries(entries);
  });
}

export function texts(message: Uint8Array, path: readonly number[]): string[] {
  return valuesAt(message, path).map((bytes) => bytes.toString());
}

export function keyValue(key: string, text: string): readonly WireField[] {
  return [
    [1, key],
    [2, [[1, text]]],
  ];
}

function encodeField([number, value]: WireField): Buffer {
  if (typeof value === 'number') return Buffer.concat([varint(number * 8), varint(value)]);
  const bytes =
    typeof value === 'string' || value instanceof Uint8Array
      ? Buffer.from(value as Uint8Array)
      : encodeWire(value);
  return Buffer.concat([varint(number * 8 + 2), varint(bytes.byteLength), bytes]);
}

function varint(value: number): Buffer {
  const bytes: number[] = [];
  let rest = value;
  while (rest >= 128) {
    bytes.push((rest % 128) + 128);
    rest = Math.floor(rest / 128);
  }
  return Buffer.from([...bytes, rest]);
}

interface ReadField {
  readonly number: number;
  /** Null: a number. */
  readonly bytes: Buffer | null;
}

function readFields(message: Uint8Array): ReadField[] {
  const source = Buffer.from(message);
  const fields: ReadField[] = [];
  let at = 0;
  const readVarint = () => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      const byte = source.readUInt8(at);
      at += 1;
      value += (byte % 128) * scale;
      if (byte < 128) return value;
    }
  };
  while (at < source.length) {
    const tag = readVarint();
    const wireType = tag % 8;
    const number = Math.floor(tag / 8);
    if (wireType === 0) {
      readVarint();
      fields.push({ number, bytes: null });
      continue;
    }
    const length = wireType === 2 ? readVarint() : wireType === 1 ? 8 : 4;
    fields.push({ number, bytes: wireType === 2 ? source.subarray(at, at + length) : null });
    at += length;
  }
  return fields;
}
