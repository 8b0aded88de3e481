// OTLP/JSON. Collectors also accept the snake-case names of the .proto files, so both are walked: a
// claim must not survive in a spelling that we do not look at.

import type { OtlpEncoding, OtlpNode } from './otlp-encoding.ts';

declare global {
  interface JSON {
    /** In Node since 22; not yet in the compiler's library. */
    rawJSON(text: string): unknown;
  }
}

/** Integers that a double cannot hold would change; their spelling is kept instead. */
const LONG_INTEGER = /[:[,]\s*-?\d{16,}/;

export const otlpJson: OtlpEncoding = {
  decode(data) {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(data);
    const root: unknown = LONG_INTEGER.test(text) ? parseExactly(text) : JSON.parse(text);
    return nodeOf(root);
  },
  encode: (root) => Buffer.from(JSON.stringify(root)),
  spellings(name) {
    const snake = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    return snake === name ? [name] : [name, snake];
  },
  create: () => ({}),
  attribute: (key, text) => ({ key, value: { stringValue: text } }),
  keyOf(attribute) {
    const { key } = nodeOf(attribute);
    return typeof key === 'string' ? key : '';
  },
  textOf: (attribute) => anyText(nodeOf(attribute)['value']),
  rawText: (name, value) => (name === 'eventName' ? text(value) : anyText(value)),
};

function parseExactly(json: string): unknown {
  return JSON.parse(json, (_key, value: unknown, context?: { source?: string }) => {
    const source = context?.source;
    const isChanged = typeof value === 'number' && source !== undefined && `${value}` !== source;
    return isChanged && /^-?\d+$/.test(source) ? JSON.rawJSON(source) : value;
  });
}

function anyText(value: unknown): string | null {
  if (typeof value !== 'object' || value === null) return null;
  const any = value as OtlpNode;
  return text(any['stringValue'] ?? any['string_value']);
}

function text(value: unknown): string | null {
  return typeof value === 'string' ? value : null;
}

function nodeOf(value: unknown): OtlpNode {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as OtlpNode;
  }
  throw new TypeError('not an object');
}
