// The house, enforced. Each failure names the file and the mend.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { builtinModules } from 'node:module';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { ERROR_CODES } from '#shared/errors/codes.ts';
import {
  ARROWS,
  BANS,
  COLUMNS_MAX,
  COMPOSITION_ROOT,
  FORBIDDEN_NAMES,
  LINES_MAX,
  LONG_FILES,
  PACKAGES,
  TOP_LEVEL,
  WIRING_ONLY,
} from './architecture/rules.ts';
import {
  parseSource,
  ROOT,
  reachable,
  readSources,
  type SourceFile,
} from './architecture/source-tree.ts';

const sources = readSources(['services', 'shared', 'test']);
const startsWithAny = (path: string, prefixes: readonly string[]) =>
  prefixes.some((prefix) => path.startsWith(prefix));
/** The tests' runner, tests, and benchmarks, which nothing imports. */
const RUN_BY_ITSELF = /^test\/run\.ts$|\.test\.ts$|^test\/bench\/.*\.bench\.ts$/;
const isTest = (path: string) => path.startsWith('test/') || path.endsWith('.test.ts');
const none = (faults: readonly string[]) =>
  assert.equal(faults.length, 0, `\n${faults.join('\n')}`);

function arrowFaults(source: SourceFile): string[] {
  const row = ARROWS.find(([room]) => source.path.startsWith(room));
  if (row === undefined) return [`${source.path} is in no room of the house`];
  const [room, mayImport] = row;
  return source.imports.flatMap(({ file, specifier }) => {
    if (file === null || startsWithAny(file, [room, ...mayImport])) return [];
    if (source.path.endsWith('.test.ts') && file.startsWith('test/support/')) return [];
    if (source.path.endsWith('.test.ts') && startsWithAny(file, ['shared/'])) return [];
    return [
      `${source.path} imports ${specifier}: ${room} may import ${mayImport.join(', ') || 'only itself'}`,
    ];
  });
}

function packageFaults(source: SourceFile): string[] {
  return source.imports.flatMap(({ file, specifier }) => {
    if (file !== null) return [];
    if (specifier.startsWith('node:') || builtinModules.includes(specifier)) {
      const pure = startsWithAny(source.path, [
        'shared/domain/',
        'shared/errors/',
        'shared/ports/',
      ]);
      const typed = source.imports.some((one) => one.specifier === specifier && one.typeOnly);
      return pure && !typed && !isTest(source.path)
        ? [`${source.path} imports ${specifier}: this room is pure`]
        : [];
    }
    const name = specifier
      .split('/')
      .slice(0, specifier.startsWith('@') ? 2 : 1)
      .join('/');
    const allowed = PACKAGES[name];
    if (allowed === undefined) return [`${source.path} imports ${name}, which no room may import`];
    return startsWithAny(source.path, allowed)
      ? []
      : [`${source.path} imports ${name}: only ${allowed} may`];
  });
}

describe('architecture', () => {
  it('reads imports of every spelling, and none from comments', () => {
    const text =
      "import a from './a.ts';\n// import b from './b.ts'\n" +
      "import type { C } from\n  '#shared/c.ts';\nexport * from 'd';\nawait import('./e.ts');\n";
    const { imports } = parseSource('services/x.ts', text);
    assert.deepEqual(
      imports.map(({ file, specifier, typeOnly }) => [file ?? specifier, typeOnly]),
      [
        ['services/a.ts', false],
        ['shared/c.ts', true],
        ['d', false],
        ['services/e.ts', false],
      ],
    );
  });

  it('has only the arrows that the house draws', () => none(sources.flatMap(arrowFaults)));

  it('imports each package only where it belongs', () => none(sources.flatMap(packageFaults)));

  it('names technologies only in the composition root', () => {
    none(
      sources
        .filter(({ path }) => !startsWithAny(path, [...COMPOSITION_ROOT, WIRING_ONLY]))
        .filter(({ path }) => !path.endsWith('.test.ts'))
        .flatMap(({ path, imports }) =>
          imports
            .filter(({ file }) => file?.startsWith(WIRING_ONLY))
            .map(({ specifier }) => `${path} imports the adapter ${specifier}: take its port`),
        ),
    );
  });

  it('has no banned words', () => {
    none(
      sources
        .filter(({ path }) => !path.startsWith('test/architecture'))
        .flatMap(({ path, code }) =>
          BANS.filter(
            ({ pattern, except }) => pattern.test(code) && !startsWithAny(path, except),
          ).map(({ pattern, mend }) => `${path} has ${pattern}: ${mend}`),
        ),
    );
  });

  it('keeps files small and lines short', () => {
    none(
      sources.flatMap(({ path, text }) => {
        const lines = text.split('\n');
        const max = isTest(path) ? LINES_MAX.test : LINES_MAX.source;
        const wide = lines.findIndex((line) => line.length > COLUMNS_MAX);
        return [
          ...(lines.length - 1 > max && LONG_FILES[path] === undefined
            ? [`${path} has ${lines.length - 1} lines: split it by reason to exist (${max})`]
            : []),
          ...(wide >= 0 ? [`${path}:${wide + 1} is wider than ${COLUMNS_MAX} columns`] : []),
          ...(FORBIDDEN_NAMES.test(path) ? [`${path}: name it after what it does`] : []),
        ];
      }),
    );
  });

  it('has no dead file', () => {
    const alive = reachable(['services/main.ts', 'services/cli/token.ts'], sources);
    const tested = reachable(
      sources.map(({ path }) => path).filter((path) => RUN_BY_ITSELF.test(path)),
      sources,
    );
    none(
      sources
        .filter(({ path }) => !RUN_BY_ITSELF.test(path))
        .filter(({ path }) => !(isTest(path) ? tested : alive).has(path))
        .map(({ path }) => `${path} is imported by nothing that runs: delete it or wire it`),
    );
  });

  it('holds every adapter to its contract', () => {
    const suites = sources.filter(({ path }) => path.startsWith('test/contracts/'));
    const proved = reachable(
      suites.map(({ path }) => path),
      sources,
    );
    none(
      sources
        .filter(({ path }) => path.startsWith(WIRING_ONLY) && !path.endsWith('.test.ts'))
        .filter(({ path }) => !proved.has(path))
        .map(({ path }) => `${path} is run by no contract suite under test/contracts`),
    );
  });

  it('explains every error code to the operator', () => {
    const page = readFileSync(join(ROOT, 'infra/failure-modes.md'), 'utf8');
    none(
      ERROR_CODES.filter((code) => !page.includes(`\`${code}\``)).map(
        (code) => `infra/failure-modes.md does not explain ${code}`,
      ),
    );
  });

  it('has nothing at the top level without a reason', () => {
    const tracked = execFileSync('git', ['ls-files'], { cwd: ROOT, encoding: 'utf8' }).split('\n');
    const top = new Set(
      tracked.filter((path) => path !== '').map((path) => path.split('/')[0] ?? ''),
    );
    none(
      [...top].filter((name) => !TOP_LEVEL.includes(name)).map((name) => `${name}: give it a room`),
    );
  });
});
