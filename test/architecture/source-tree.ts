// The code as text: files, their imports, and what can be reached from where.

import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';

export const ROOT = fileURLToPath(new URL('../../', import.meta.url));

export interface SourceFile {
  /** From the repository's root, with slashes. */
  readonly path: string;
  readonly text: string;
  /** The text without comments; strings stay. */
  readonly code: string;
  readonly imports: readonly Import[];
}

export interface Import {
  readonly specifier: string;
  /** A file of ours, from the root; null for a package or a node built-in. */
  readonly file: string | null;
  /** `import type` and `export type`: gone at run time. */
  readonly typeOnly: boolean;
}

export function readSources(rooms: readonly string[]): SourceFile[] {
  return rooms.flatMap((room) =>
    readdirSync(join(ROOT, room), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
      .map((entry) => join(entry.parentPath, entry.name).slice(ROOT.length))
      .map((path) => parseSource(path, readFileSync(join(ROOT, path), 'utf8'))),
  );
}

export function parseSource(path: string, text: string): SourceFile {
  const code = withoutComments(text);
  const found = code.matchAll(
    /(?:^|\n)\s*(import|export)\s+(type\s+)?(?:[^'";]*?\sfrom\s*)?'([^']+)'|\bimport\(\s*'([^']+)'\s*\)/g,
  );
  const imports = [...found].map((match): Import => {
    const specifier = match[3] ?? match[4] ?? '';
    return { specifier, file: resolveOwn(path, specifier), typeOnly: match[2] !== undefined };
  });
  return { path, text, code, imports };
}

/** Everything that the given files import, directly or not. */
export function reachable(from: readonly string[], sources: readonly SourceFile[]): Set<string> {
  const byPath = new Map(sources.map((source) => [source.path, source]));
  const seen = new Set<string>();
  const todo = [...from];
  for (let path = todo.pop(); path !== undefined; path = todo.pop()) {
    if (seen.has(path)) continue;
    seen.add(path);
    for (const { file } of byPath.get(path)?.imports ?? []) if (file !== null) todo.push(file);
  }
  return seen;
}

function resolveOwn(importer: string, specifier: string): string | null {
  if (specifier.startsWith('#shared/')) return specifier.slice(1);
  if (specifier.startsWith('.')) return normalize(join(dirname(importer), specifier));
  return null;
}

function withoutComments(text: string): string {
  // Strings first, so that `//` inside them is no comment.
  return text.replace(
    /('(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\.)*`)|\/\*[\s\S]*?\*\/|\/\/[^\n]*/g,
    (_, string: string | undefined) => string ?? '',
  );
}
