// `${VAR}` anywhere in a value and `${file:/abs/path}` as a whole value, after the YAML is parsed:
// what is put in stays one text and can never become keys, lists or comments. Keys stay as written.

import { createFault, type Fault, type Path, renderPath } from './fault.ts';
import { isRawMap } from './raw-tree.ts';

export interface ExpandSources {
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Content of a file; throws when it cannot be read. */
  readonly readFile: (path: string) => string;
}

export interface Expanded {
  readonly tree: unknown;
  readonly faults: readonly Fault[];
  /** Path → the text as written, for every value that was put together from a reference. */
  readonly references: ReadonlyMap<string, string>;
  /** Paths of values that could not be put together; their content means nothing. */
  readonly unresolved: ReadonlySet<string>;
  /** Files that were read and what was in them. */
  readonly files: ReadonlyMap<string, string>;
}

interface Work extends ExpandSources {
  readonly faults: Fault[];
  readonly references: Map<string, string>;
  readonly unresolved: Set<string>;
  readonly files: Map<string, string>;
}

const REFERENCE = /\$\{([^}]*)\}/g;
const FILE = /^\$\{file:([^}]*)\}$/;
const NAME = /^[A-Za-z_][A-Za-z0-9_]*$/;
const IN_SETTINGS = /^managed\.policies\[\d+\]\.(cli|settings|code|desktop)[.[]/;
const SET = 'a variable that is set (for a variable of the client in managed settings write $NAME)';

/** Replaces the references in every text of the tree and reports each that cannot be. */
export function expand(tree: unknown, sources: ExpandSources): Expanded {
  const work: Work = {
    ...sources,
    faults: [],
    references: new Map(),
    unresolved: new Set(),
    files: new Map(),
  };
  return { ...work, tree: expandValue(tree, [], work) };
}

function expandValue(value: unknown, path: Path, work: Work): unknown {
  if (Array.isArray(value)) {
    return value.map((entry, index) => expandValue(entry, [...path, index], work));
  }
  if (isRawMap(value)) {
    const entries = Object.entries(value);
    return Object.fromEntries(
      entries.map(([key, entry]) => [key, expandValue(entry, [...path, key], work)]),
    );
  }
  return typeof value === 'string' && value.includes('${')
    ? expandText(value, renderPath(path), work)
    : value;
}

function expandText(written: string, path: string, work: Work): string {
  const file = FILE.exec(written);
  if (file !== null) {
    work.references.set(path, written);
    return readReferenced(file[1] ?? '', written, path, work);
  }
  return written.replaceAll(REFERENCE, (reference: string, name: string) => {
    if (NAME.test(name)) {
      work.references.set(path, written);
      return readVariable(name, path, work);
    }
    if (IN_SETTINGS.test(path)) return reference;
    const isFile = name.startsWith('file:');
    const accepted = isFile
      ? `\${file:/absolute/path} as the whole value`
      : `\${NAME}, without defaults or other shell forms`;
    return unresolvable(path, isFile ? `\${file:…} inside a value` : `\${…}`, accepted, work);
  });
}

function readVariable(name: string, path: string, work: Work): string {
  const value = Object.hasOwn(work.env, name) ? work.env[name] : undefined;
  if (value !== undefined) return value;
  return unresolvable(path, `\${${name}}, which the environment does not have`, SET, work);
}

function readReferenced(file: string, written: string, path: string, work: Work): string {
  if (!file.startsWith('/')) {
    return unresolvable(path, written, `\${file:/absolute/path}`, work);
  }
  try {
    const content = work.readFile(file);
    work.files.set(file, content);
    return content.replace(/(\r?\n)+$/, '');
  } catch {
    return unresolvable(path, `${written}, which cannot be read`, 'a file that can be read', work);
  }
}

function unresolvable(path: string, found: string, accepted: string, work: Work): string {
  work.unresolved.add(path);
  work.faults.push(createFault(path, found, accepted));
  return '';
}
