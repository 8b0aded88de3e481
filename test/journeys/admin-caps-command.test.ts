// `caps apply FILE` as somebody runs it: what it prints, and what it exits with.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { seeTeam } from '../support/admin-calls.ts';
import {
  type AdminGateway,
  openAdminGateway,
  READ_KEY,
  WRITE_KEY,
} from '../support/admin-gateway.ts';

const MAIN = fileURLToPath(new URL('../../services/main.ts', import.meta.url));
const TEAM = { type: 'rbac_group', rbac_group_id: 'team' };

let gateway: AdminGateway;
let folder: string;
before(async () => {
  gateway = await openAdminGateway();
  await seeTeam(gateway);
  folder = await mkdtemp(join(tmpdir(), 'tallygate-'));
});
after(async () => {
  await gateway[Symbol.asyncDispose]();
  await rm(folder, { recursive: true, force: true });
});

async function apply(file: unknown, options: readonly string[] = [], key = WRITE_KEY) {
  const path = join(folder, 'caps.json');
  await writeFile(path, typeof file === 'string' ? file : JSON.stringify(file));
  const args = [MAIN, 'caps', 'apply', path, '--url', `${gateway.origin}/`, ...options];
  const env = { ...process.env, TALLYGATE_ADMIN_KEY: key };
  return new Promise<{ code: number | null; stdout: string; stderr: string }>((resolve) => {
    const child = execFile(process.execPath, args, { env }, (_error, stdout, stderr) =>
      resolve({ code: child.exitCode, stdout, stderr }),
    );
  });
}

test('shows the differences, makes them, and then finds none', async () => {
  const first = [
    { scope: { type: 'user', email: 'ada@example.com' }, amount_usd: '0.05', period: 'daily' },
    { scope: TEAM, amount: '500', pooled_budget: { amount_usd: '1234.5' } },
  ];
  const lines = [
    '+ user ada, daily: 0.05 USD',
    '+ rbac_group team, monthly: 5.00 USD, budget 1234.50 USD',
    '2 created, 0 changed, 0 deleted, 0 unchanged',
  ];
  const dry = await apply(first, ['--dry-run']);
  const last = `${lines.join('\n')} (a dry run: nothing was written)\n`;
  assert.deepEqual(dry, { code: 0, stdout: last, stderr: '' });
  assert.deepEqual(await gateway.admin.caps(), []);
  const wet = await apply(first, ['--reason', 'quarter']);
  assert.deepEqual(wet, { code: 0, stdout: `${lines.join('\n')}\n`, stderr: '' });
  assert.equal((await gateway.admin.audit(null, 1)).rows[0]?.reason, 'quarter');

  const second = {
    limits: [
      { scope: TEAM, amount: null, pooled_budget: { paused: true } },
      { scope: { type: 'user', user_id: 'new' }, amount: '1', model: 'opus' },
    ],
  };
  const { stdout } = await apply(second, ['--prune']);
  assert.deepEqual(stdout.trimEnd().split('\n'), [
    '+ user new, monthly, opus: 0.01 USD',
    '~ rbac_group team, monthly: 5.00 USD, budget 1234.50 USD → ' +
      'unlimited, budget 1234.50 USD (paused)',
    '- user ada, daily: 0.05 USD',
    '! limits[1]: Nobody with this user_id was seen yet. The cap holds from their first request on.',
    '1 created, 1 changed, 1 deleted, 0 unchanged',
  ]);
});

test('says what is wrong, and nothing on standard output', async () => {
  for (const [file, key, sentence] of [
    ['{', WRITE_KEY, /^Not applied: \S+caps\.json is no JSON: /],
    [[{}], WRITE_KEY, /^Not applied: the gateway answered 400: limits\[0\]: scope: Required\n$/],
    [[], READ_KEY, /^Not applied: the gateway answered 403: requires write:spend_limits\n$/],
  ] as const) {
    const { code, stdout, stderr } = await apply(file, [], key);
    assert.deepEqual([code, stdout], [1, '']);
    assert.match(stderr, sentence);
  }
});
