// Whatever is sent to the admin API: it never answers a 5xx, and its caps are at every instant what the
// audit trail says that was done.

import assert from 'node:assert/strict';
import { request } from 'node:http';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import { capKey } from '#shared/domain/cap.ts';
import type { AuditRow, SpendLimit } from '#shared/ports/admin-store.ts';
import {
  type AdminGateway,
  openAdminGateway,
  READ_KEY,
  WRITE_KEY,
} from '../support/admin-gateway.ts';
import { type AdminRequest, adminRequest, OLDEST } from '../support/admin-input.ts';
import { runSeed } from '../support/seed.ts';

const RUNS = 1200;
const TIME_MS = 8_000;
const KEYS = { read: READ_KEY, write: WRITE_KEY, none: null };

let gateway: AdminGateway;
before(async () => {
  gateway = await openAdminGateway();
  const seen = { name: 'Somebody', groups: ['team'], lastSeenMs: gateway.clock.now() };
  await gateway.admin.seen([
    { sub: 'ada', email: 'ada@example.com', ...seen },
    { sub: 'one', email: 'twice@example.com', ...seen },
    { sub: 'two', email: 'Twice@example.com', ...seen },
  ]);
});
after(() => gateway[Symbol.asyncDispose]());

/** As bytes: fetch would mend the path. */
function send({
  method,
  target,
  body,
  key,
}: AdminRequest): Promise<{ status: number; text: string }> {
  const { promise, resolve, reject } = Promise.withResolvers<{ status: number; text: string }>();
  const { hostname, port } = new URL(gateway.origin);
  const bytes = Buffer.from(body ?? '');
  const apiKey = KEYS[key];
  const headers = {
    'content-length': bytes.byteLength,
    ...(apiKey === null ? {} : { 'x-api-key': apiKey }),
  };
  const sent = request({ hostname, port, method, path: target, headers }, async (answer) => {
    const chunks = await answer.toArray();
    resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(chunks).toString('utf8') });
  });
  sent.once('error', reject);
  sent.end(bytes);
  return promise;
}

/** The rows after one, in the order in which they were written. */
async function trailSince(last: number): Promise<AuditRow[]> {
  const all: AuditRow[] = [];
  for (let afterId: number | null = null; ; ) {
    const { rows, hasMore } = await gateway.admin.audit(afterId, 20);
    all.push(...rows.filter(({ id }) => id > last));
    afterId = rows.at(-1)?.id ?? 0;
    if (!hasMore || afterId <= last) return all.reverse();
  }
}

/** The caps as the audit trail tells them. */
function createTold() {
  const caps = new Map<string, SpendLimit>();
  let last = 0;
  const tell = ({ action, before: was, after: is, target }: AuditRow) => {
    if (action === 'erase') return;
    const key = (limit: SpendLimit) => capKey(limit.scope, limit.period, limit.model);
    const limit = is ?? was ?? assert.fail('a change of nothing');
    assert.equal(limit.id, target);
    assert.deepEqual(caps.get(key(limit)) ?? null, was);
    if (is === null) caps.delete(key(limit));
    else caps.set(key(limit), is);
  };
  return {
    caps,
    /** Reads what was written since, and answers how much. */
    async read(): Promise<number> {
      const news = await trailSince(last);
      last = news.at(-1)?.id ?? last;
      if (news.some(({ action }) => action === 'erase')) {
        // An erasure rewrites what was told before.
        caps.clear();
        for (const row of await trailSince(0)) tell(row);
      } else for (const row of news) tell(row);
      return news.length;
    },
  };
}

const byId = (one: SpendLimit, other: SpendLimit) => (one.id < other.id ? -1 : 1);

test('no input breaks it, and nothing changes without its audit row', {
  timeout: 60_000,
}, async (t) => {
  const seed = runSeed();
  const told = createTold();
  const statuses = new Map<number, number>();
  let changes = 0;
  const property = fc.asyncProperty(adminRequest, async (sketch) => {
    const oldest = (await gateway.admin.caps())[0]?.id ?? '';
    const { status, text } = await send({
      ...sketch,
      target: sketch.target.replace(OLDEST, oldest),
    });
    statuses.set(status, (statuses.get(status) ?? 0) + 1);
    assert(status >= 200 && status < 500, `${status}: ${text}`);
    const written = await told.read();
    changes += written;
    if (sketch.key !== 'write' || status >= 400) assert.equal(written, 0, 'refused, yet written');
    const caps = await gateway.admin.caps();
    assert.deepEqual(caps.toSorted(byId), [...told.caps.values()].sort(byId));
  });
  await fc.assert(property, {
    ...{ seed, numRuns: RUNS, interruptAfterTimeLimit: TIME_MS, endOnFailure: true },
  });
  t.diagnostic(`seed ${seed}: ${changes} changes, ${JSON.stringify(Object.fromEntries(statuses))}`);
  const sent = [...statuses.values()].reduce((total, count) => total + count, 0);
  const enough = (count = 0) => count * 10 > sent;
  assert(enough(changes) && enough(statuses.get(400)), 'it tried what is taken and what is not');
});
