// A wrong price in gateway.yaml bills for a day; it is mended, and `rerate` shows and posts what follows:
// ingestion, SQLite, the real command beside it, and the job that repairs the counters of caps.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { test } from 'node:test';
import { openSqliteAdminStore } from '#shared/adapters/admin-store/sqlite.ts';
import { openSqliteLedger } from '#shared/adapters/ledger/sqlite.ts';
import { openMemoryQuotaStore } from '#shared/adapters/quota-store/memory.ts';
import { openSqliteDatabase } from '#shared/adapters/sql/sqlite-database.ts';
import { loadConfig } from '#shared/config/load.ts';
import { userAccount } from '#shared/domain/account.ts';
import { systemClock } from '#shared/domain/clock.ts';
import { priceQueryOf } from '#shared/domain/event-price.ts';
import { sum } from '#shared/domain/money.ts';
import { bucketsAt } from '#shared/domain/period.ts';
import { createPriceBook } from '#shared/domain/pricing.ts';
import type { UsageEvent } from '#shared/domain/usage-event.ts';
import { encodeUsageEvent } from '#shared/events/usage-v1.ts';
import { recomputeQuota } from '../../services/control-plane/jobs/recompute.ts';
import { createUsageIngest } from '../../services/control-plane/usage/ingest.ts';
import { rerateCommand } from '../../services/wiring/run-rerate.ts';
import { createTestClock, NOON_MS } from '../support/clock.ts';
import { ROOT } from '../support/demo.ts';
import { createGatewayHome } from '../support/gateway.ts';
import { createMemoryLog } from '../support/log.ts';
import { wholeStore } from '../support/quota.ts';
import { usageEvent } from '../support/usage-event.ts';

const DAY = bucketsAt(NOON_MS).daily;
const EVENTS = 230;

function yaml(folder: string, inputUsd: number): string {
  return `
listen: { host: 127.0.0.1 }
data_dir: ${folder}/data
oidc: { issuer: "https://idp.example.com", client_id: t, client_secret: s }
session: { jwt_secret: 0123456789abcdef0123456789abcdef }
admin: { write_keys: [{ id: ops, key: aaaabbbbccccddddeeeeffff00001111 }] }
upstreams: [{ provider: vertex, region: us-east5, project_id: p }]
pricing:
  overrides:
    - { upstream: vertex, model: claude-opus-4-8, input: ${inputUsd}, output: 25, cache_read: 0.5, cache_write: 6.25 }
`;
}

/** The command as a person runs it. */
async function rerateAsProcess(...args: readonly string[]) {
  const child = spawn(process.execPath, ['services/main.ts', 'rerate', ...args], { cwd: ROOT });
  const [out, err, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit') as Promise<[number]>,
  ]);
  return { code, out, err };
}

/** The same in this process, which starts sooner. */
async function rerateHere(...args: readonly string[]) {
  let [out, err] = ['', ''];
  const code = await rerateCommand({
    ...{ args, env: {}, clock: systemClock, log: createMemoryLog() },
    print: (more) => {
      out += more;
    },
    complain: (more) => {
      err += more;
    },
  });
  return { code, out, err };
}

/** An event as the data plane stamps it under a configuration. */
function stamped(config: string, nth: number): UsageEvent {
  const loaded = loadConfig({ text: config }, { env: {} });
  assert.ok(loaded.ok);
  const model = 'claude-opus-4-8';
  const event = usageEvent({
    ...{ sub: nth % 3 === 0 ? 'bob' : 'ada', requestedModel: model, servedModel: model },
    ...{ region: 'us-east5', timeMs: NOON_MS + nth, usage: { inputTokens: 1000 + nth } },
  });
  const query = priceQueryOf(event) ?? assert.fail();
  const { costMicroUsd, row, book } = createPriceBook(loaded.config.pricing).price(query);
  return { ...event, costMicroUsd, priceRow: row, priceBook: book };
}

test('a wrong price is shown, posted once, and reports and caps follow', async () => {
  await using home = await createGatewayHome('');
  const [wrong, right] = [yaml(home.folder, 50), yaml(home.folder, 5)];
  await home.writeConfig(wrong);

  await using database = await openSqliteDatabase(join(home.folder, 'data/tallygate.db'));
  await using ledger = openSqliteLedger(database);
  await using admin = openSqliteAdminStore(database);
  const clock = createTestClock();
  const log = createMemoryLog();
  await using quota = await wholeStore(openMemoryQuotaStore({ clock }));
  const config = loadConfig({ text: wrong }, { env: {} });
  assert.ok(config.ok);
  const book = createPriceBook(config.config.pricing);
  const notice = { noticed: async () => undefined };
  const ingest = createUsageIngest({
    ...{ ledger, admin, quota, notice, log },
    priceBook: () => book,
  });
  const events = Array.from({ length: EVENTS }, (_, nth) => stamped(wrong, nth));
  await ingest(
    events.map((event) => ({
      ...{ id: event.id, data: Buffer.from(encodeUsageEvent(event)), attributes: {} },
    })),
  );
  assert.deepEqual(log.lines, [], 'the prices are the ones of the same book');

  const spent = async () => {
    const each = ['ada', 'bob'].map((sub) => ledger.spendOf(userAccount(sub), bucketsAt(NOON_MS)));
    return sum((await Promise.all(each)).map(({ daily }) => daily));
  };
  const billed = sum(events.map(({ costMicroUsd }) => costMicroUsd));
  assert.equal(await spent(), billed);

  await home.writeConfig(right);
  const owed = sum(events.map((_, nth) => stamped(right, nth).costMicroUsd));
  const usd = (micro: number) => `${micro < 0 ? '-' : ''}${(Math.abs(micro) / 1e6).toFixed(6)}`;
  const total = new RegExp(
    `^total +${EVENTS} +${EVENTS} +${usd(billed)} +${usd(owed)} +${usd(owed - billed)}$`,
    'm',
  );
  const period = ['--config', home.configPath, '--from', DAY, '--to', DAY];
  assert.match((await rerateHere(...period)).out, total);
  assert.equal(await spent(), billed, 'nothing is written without --post');

  const posted = await rerateAsProcess(...period, '--post', '--reason', 'a zero too many');
  assert.deepEqual([posted.code, posted.err], [0, '']);
  assert.match(posted.out, total);
  assert.match(
    posted.out,
    new RegExp(`^Posted ${EVENTS} corrections, ${usd(owed - billed)} USD`, 'm'),
  );
  assert.equal(await spent(), owed);
  const rollups = await ledger.rollups(DAY, DAY);
  assert.equal(sum(rollups.map(({ costMicroUsd }) => costMicroUsd)), owed);
  assert.equal(sum(rollups.map((one) => one.correctionMicroUsd)), owed - billed);
  assert.deepEqual(await ledger.events(events.slice(0, 1).map(({ id }) => id)), events.slice(0, 1));
  const [correction] = await ledger.corrections(events.slice(0, 1).map(({ id }) => id));
  assert.deepEqual([correction?.actor, correction?.reason], ['cli', 'a zero too many']);

  await recomputeQuota({ ledger, quota, clock, log }, new AbortController().signal);
  const counted = await quota.spend([userAccount('ada'), userAccount('bob')], NOON_MS);
  const daily = counted.filter(({ period }) => period === 'daily');
  assert.equal(sum(daily.map(({ ledgeredMicroUsd }) => ledgeredMicroUsd)), owed);

  assert.match((await rerateHere(...period, '--post')).out, /^Nothing to post/m);
  assert.equal(await spent(), owed);
});

for (const [name, args, words] of [
  ['no period', [], /^--from must be a UTC date like/],
  ['an empty period', ['--from', '2026-11-02', '--to', '2026-11-01'], /^--to must be later/],
  ['a reason alone', ['--from', DAY, '--to', DAY, '--reason', 'x'], /^--reason is for --post/],
  ['an unknown word', ['--frm', DAY], /^Unknown option '--frm'/],
] as const) {
  test(`${name} is told`, async () => {
    await assert.rejects(rerateHere(...args), { code: 'invalid_request', message: words });
  });
}

test('a file that is not there is a fault', async () => {
  const { code, err } = await rerateHere('--from', DAY, '--to', DAY, '--config', '/nowhere.yaml');
  assert.equal(code, 1);
  assert.match(err, /no file that can be read at \/nowhere\.yaml/);
});
