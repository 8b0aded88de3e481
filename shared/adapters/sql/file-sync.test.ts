import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, it } from 'node:test';
import { createFileSync } from './file-sync.ts';

const folder = mkdtempSync(join(tmpdir(), 'tallygate-sync-'));
after(() => rmSync(folder, { recursive: true }));

it('shares the next flush between those who ask while one runs, and not the running one', async () => {
  const path = join(folder, 'shared');
  writeFileSync(path, 'text');
  using file = createFileSync(path);
  const running = file.sync();
  // The first has begun by then.
  await Promise.resolve();
  await Promise.resolve();
  const [second, third] = [file.sync(), file.sync()];
  assert.notEqual(second, running);
  assert.equal(third, second);
  await Promise.all([running, second]);
  const fourth = file.sync();
  assert.notEqual(fourth, second);
  await fourth;
});

it('tells whoever asked that the file is not there, and serves the next one', async () => {
  const path = join(folder, 'late');
  using file = createFileSync(path);
  await assert.rejects(file.sync(), { code: 'ENOENT' });
  writeFileSync(path, 'text');
  await file.sync();
});
