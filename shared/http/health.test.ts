import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { it, mock } from 'node:test';
import type { Exchange } from '#shared/http/route.ts';
import { createHealthRoutes, type HealthCheck } from './health.ts';

type Answer = { status: number; headers: Record<string, unknown>; body: string };

async function ask(wanted: '/healthz' | '/readyz', checks: HealthCheck[]): Promise<Answer> {
  const routes = createHealthRoutes({ checks, clock: { now: () => 0 } });
  const route = routes.find(({ path }) => path === wanted);
  const answer: Answer = { status: 0, headers: {}, body: '' };
  const res = {
    writeHead: (status: number, headers: Record<string, unknown>) => {
      Object.assign(answer, { status, headers });
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
  const answer = await ask('/readyz', [
    { name: 'ledger', weight: 'serving', check: async () => null },
    { name: 'config', weight: 'degraded', check: async () => 'the new file has 2 faults' },
  ]);
  const body = 'ready\nconfig: the new file has 2 faults (since 1970-01-01T00:00:00.000Z)';
  assert.deepEqual([answer.status, answer.body], [200, body]);
  assert.equal(answer.headers['cache-control'], 'no-store');
});

it('runs: two bytes of plain text, as load balancers were told to expect', async () => {
  const headers = { 'content-type': 'text/plain;charset=utf-8', 'content-length': 2 };
  assert.deepEqual(await ask('/healthz', []), { status: 200, headers, body: 'ok' });
});

it('is not ready without what requests need, even when the check hangs', async () => {
  mock.timers.enable({ apis: ['setTimeout'] });
  const asked = ask('/readyz', [
    { name: 'ledger', weight: 'serving', check: () => new Promise(() => {}) },
  ]);
  mock.timers.tick(800);
  const answer = await asked;
  mock.timers.reset();
  assert.equal(answer.status, 503);
  assert.match(answer.body, /^not ready\nledger: did not answer within 800 ms/);
});
