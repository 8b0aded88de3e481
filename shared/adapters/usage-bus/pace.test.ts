import assert from 'node:assert/strict';
import { it } from 'node:test';
import { createPace } from './pace.ts';

it('gives the first turn at once and the following ones so far apart', async () => {
  const pace = createPace(40);
  const startedAt = performance.now();
  await pace();
  assert.ok(performance.now() - startedAt < 40);
  await Promise.all([pace(), pace()]);
  assert.ok(performance.now() - startedAt >= 78);
});
