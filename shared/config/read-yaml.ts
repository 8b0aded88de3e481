import { isAlias, isMap, isScalar, isSeq, LineCounter, type Node, parseDocument } from 'yaml';
import { createFault, type Fault, type Path, renderPath } from './fault.ts';

/** By yaml's error code. Its own messages quote the file, which may hold secrets. */
const SYNTAX: Readonly<Record<string, string>> = {
  BAD_ALIAS: 'an alias (*) that names no anchor (&)',
  BAD_DQ_ESCAPE: 'an escape in double quotes that YAML does not have',
  BAD_INDENT: 'a line that is not indented like its neighbours, or a bracket left open',
  BAD_SCALAR_START: 'text that must be in quotes because of its first character',
  BLOCK_AS_IMPLICIT_KEY: 'a second colon in a line, or a key that is not alone in its line',
  BLOCK_IN_FLOW: 'an indented block inside brackets',
  MISSING_CHAR: 'a missing closing quote, bracket, comma or colon',
  MULTILINE_IMPLICIT_KEY: 'a line without a colon',
  MULTIPLE_DOCS: 'a second document (---)',
  NON_STRING_KEY: 'a key that is not text',
  TAB_AS_INDENT: 'a tab as indentation',
  TAG_RESOLVE_FAILED: 'a tag (!) that gateway.yaml does not use',
  UNEXPECTED_TOKEN: `a character that does not belong there (inside { } or [ ], \${NAME} needs quotes)`,
};

export interface YamlRead {
  /** The tree as plain values; undefined when the text cannot be read. */
  readonly tree: unknown;
  readonly faults: readonly Fault[];
}

/** Text → plain values. Reports the first syntax error of a line, and every repeated key. */
export function readYaml(text: string): YamlRead {
  const lines = new LineCounter();
  const document = parseDocument(text, {
    lineCounter: lines,
    prettyErrors: false,
    uniqueKeys: false,
    stringKeys: true,
    merge: true,
  });
  const broken = new Map<number, Fault>();
  for (const { code, pos } of [...document.errors, ...document.warnings]) {
    const { line, col } = lines.linePos(pos[0]);
    const found = SYNTAX[code] ?? 'something that is not YAML';
    const fault = createFault(`line ${line}, column ${col}`, found, 'well-formed YAML');
    if (!broken.has(line)) broken.set(line, fault);
  }
  if (broken.size > 0) return { tree: undefined, faults: [...broken.values()] };
  const faults: Fault[] = [];
  collectRepeatedKeys(document.contents, [], lines, faults);
  try {
    return { tree: document.toJS({ maxAliasCount: 100 }), faults };
  } catch {
    const found = 'aliases (*) that grow without measure';
    return { tree: undefined, faults: [...faults, createFault('', found, 'at most 100 aliases')] };
  }
}

function collectRepeatedKeys(
  node: Node | null,
  path: Path,
  lines: LineCounter,
  faults: Fault[],
): void {
  if (isSeq<Node>(node)) {
    node.items.forEach((item, index) => {
      collectRepeatedKeys(item, [...path, index], lines, faults);
    });
  }
  if (!isMap<Node, Node | null>(node)) return;
  const lineOf = new Map<string, number>();
  for (const { key, value } of node.items) {
    const name = isScalar(key) ? String(key.value) : '';
    const { line } = lines.linePos(key.range?.[0] ?? 0);
    const first = lineOf.get(name);
    if (first === undefined) lineOf.set(name, line);
    else if (name !== '<<') {
      const found = `the key twice (lines ${first} and ${line})`;
      faults.push(createFault(renderPath([...path, name]), found, 'each key once'));
    }
    if (!isAlias(value)) collectRepeatedKeys(value, [...path, name], lines, faults);
  }
}
