/** A decoded message of OTLP: a JSON object, or a protobuf message with camel-case fields. */
export type OtlpNode = Record<string, unknown>;

/** What differs between OTLP's two encodings for one who walks over `OTLP_SHAPES`. */
export interface OtlpEncoding {
  /** Reads an export request. @throws when it is not one */
  decode(data: Uint8Array, shape: string): OtlpNode;
  encode(root: OtlpNode, shape: string): Uint8Array;
  /** Every spelling under which a receiver accepts the field. */
  spellings(fieldName: string): readonly string[];
  /** An empty message. */
  create(shape: string): OtlpNode;
  /** A key-value with a text. */
  attribute(key: string, text: string): unknown;
  keyOf(attribute: unknown): string;
  /** The text of a key-value. Null: it is something else than text. */
  textOf(attribute: unknown): string | null;
  /** The text of a log record's body or event name. */
  rawText(fieldName: string, value: unknown): string | null;
}
