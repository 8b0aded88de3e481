import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { it, mock } from 'node:test';
import type { Exchange } from '#shared/http/route.ts';
import { createHealthRoutes, type HealthCheck } from './health.ts';

async function readyz(checks: HealthCheck[]): Promise<{ status: number; body: string }> {
  const routes = createHealthRoutes({ checks, clock: { now: () => 0 } });
  const route = routes.find(({ path }) => path === '/readyz');
  const answer = { status: 0, body: '' };
  const res = {
    writeHead: (status: number) => {
      answer.status = status;
    },
    end: (body: string) => {
      answer.body = body;
    },
  } as unknown as ServerResponse;
  assert.ok(route !== undefined && route.access === 'public');
  await route.handle({ res } as Exchange);
  return answer;
}

it('is ready, and tells what is degraded and since when', async () => {
  const answer = await readyz([
    { name: 'ledger', weight: 'serving', check: async () => null },
    { name: 'config', weight: 'degraded', check: async () => 'the new file has 2 faults' },
  ]);
  assert.deepEqual(answer, {
    status: 200,
    body: 'ready\nconfig: the new file has 2 faults (since 1970-01-01T00:00:00.000Z)',
  });
});

it('is not ready without what requests need, even when the check hangs', async () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  const asked = readyz([{ name: 'ledger', weight: 'serving', check: () => new Promise(() => {}) }]);
  mock.timers.tick(800);
  const answer = await asked;
  mock.timers.reset();
  assert.equal(answer.status, 503);
  assert.match(answer.body, /^not ready\nledger: did not answer within 800 ms/);
});
