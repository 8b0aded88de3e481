// What the pages for people say about the tree is there.

import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ROOT } from './architecture/source-tree.ts';

const PAGES = [
  'README.md',
  'ARCHITECTURE.md',
  'infra/failure-modes.md',
  'infra/prices.md',
  'infra/store-keys.md',
];
/** In backquotes or as a link; one with a placeholder in it is no path. */
const PATHS = /(?:`|\]\()((?:services|shared|test|infra)\/[\w./-]*)[`)]/g;

const read = (path: string) => readFileSync(join(ROOT, path), 'utf8');

test('every path that a page names exists', () => {
  const named = PAGES.flatMap((page) =>
    [...read(page).matchAll(PATHS)].map(([, path = '']) => ({ page, path })),
  );
  assert.ok(named.length > 40, `${named.length} paths were found`);
  const missing = named.filter(({ path }) => !existsSync(join(ROOT, path)));
  assert.deepEqual(missing, []);
});

test('ARCHITECTURE.md has every room', () => {
  const text = read('ARCHITECTURE.md');
  const kits = /`shared\/\{([\w,]+)\}\/`/.exec(text)?.[1]?.split(',') ?? [];
  const roomsOf = (parent: string) =>
    readdirSync(join(ROOT, parent), { withFileTypes: true })
      .filter((entry) => entry.isDirectory())
      .map(({ name }) => name);
  for (const room of roomsOf('services')) assert.ok(text.includes(`\`services/${room}/\``), room);
  for (const room of roomsOf('shared')) {
    assert.ok(kits.includes(room) || text.includes(`\`shared/${room}/`), room);
  }
  const ports = readdirSync(join(ROOT, 'shared/ports')).length;
  const rows = /## Ports\n\n(?:\|.*\n){2}((?:\|.*\n)+)/.exec(text)?.[1] ?? '';
  assert.equal(rows.trim().split('\n').length, ports);
});
