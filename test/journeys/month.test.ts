// A month of 1 000 people and the days on which calendars go wrong (end of year, ISO week 53, leap day,
// changes of clocks), with caps and budgets of all periods changed in the middle: every refusal and
// every total against a plain calculation (month/books.ts). Once where the process thinks in UTC, once
// west and once east of it: local time that leaked anywhere would tell them apart.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { runSeed } from '../support/seed.ts';
import type { Summary } from './month/simulate.ts';

const ZONES = ['UTC', 'America/New_York', 'Pacific/Auckland'];
const SCRIPT = fileURLToPath(new URL('month/simulate.ts', import.meta.url));
const run = promisify(execFile);

async function simulateIn(zone: string, seed: number): Promise<Summary> {
  const env = { ...process.env, TZ: zone };
  const { stdout } = await run(process.execPath, [SCRIPT, String(seed)], { env });
  return JSON.parse(stdout) as Summary;
}

test('every refusal and every total of a month is what the plain calculation says', async (t) => {
  const seed = runSeed();
  const [first, ...others] = await Promise.all(ZONES.map((zone) => simulateIn(zone, seed)));
  t.diagnostic(`seed ${seed}: ${JSON.stringify(first)}`);
  assert(first !== undefined);
  for (const other of others) assert.deepEqual(other, first);
  // The calculation had something to be wrong about.
  assert.equal(first.people, 1_000);
  assert.ok(first.admitted > 1_000, 'some were served');
  assert.ok(first.blocked > 100, 'some were refused');
  assert.ok(first.busy > 2, 'some had to wait for others');
  assert.ok(first.changes > 10, 'limits were changed');
  assert.ok(first.alerts > 100, 'thresholds were told');
});
