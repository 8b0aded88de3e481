// A budget of a group through the real program, from the admin API to the last cent and over a death:
// every number that somebody sees is the same number.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import {
  ADMIN_KEY,
  adminCall,
  createGatewayHome,
  type GatewayHome,
  type GatewayProcess,
  gatewayYaml,
  mintSession,
  startGateway,
} from '../support/gateway.ts';
import { readLedger } from '../support/ledger-file.ts';
import { untilTrue } from '../support/until.ts';
import { answers, type FakeUpstream, openFakeUpstream } from '../support/upstream.ts';

/** At 3 USD for a million tokens. */
const THREE_CENTS = { input_tokens: 10_000 };
const TEAM = ['team'];
const PEOPLE = ['ada', 'bob', 'cy'];

let model: FakeUpstream;
let home: GatewayHome;
let gateway: GatewayProcess;
before(async () => {
  model = await openFakeUpstream();
  model.behave(answers({ outputTokens: 0, usage: THREE_CENTS }));
  home = await createGatewayHome(
    gatewayYaml({ upstreamUrl: model.url, more: 'enforcement: { reservation: ceiling }' }),
  );
  gateway = await startGateway(home);
});
after(async () => {
  await gateway[Symbol.asyncDispose]();
  await home[Symbol.asyncDispose]();
  await model[Symbol.asyncDispose]();
});

async function ask(sub: string, groups: readonly string[] = TEAM): Promise<Response> {
  const token = await mintSession(gateway.url, sub, groups);
  const response = await fetch(`${gateway.url}/v1/messages`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
    body: JSON.stringify({
      model: 'claude-sonnet-4-6',
      max_tokens: 1,
      messages: [{ role: 'user', content: 'hello' }],
    }),
  });
  await response.clone().text();
  return response;
}

type Json = Record<string, unknown>;

async function admin(path: string): Promise<Json> {
  const response = await fetch(gateway.url + path, { headers: { 'x-api-key': ADMIN_KEY } });
  assert.equal(response.status, 200);
  return (await response.json()) as Json;
}

async function poolSpend(): Promise<string> {
  const { data } = (await (await adminCall(gateway.url, '')).json()) as { data: Json[] };
  const pooled = data.find(({ pooled_budget }) => pooled_budget !== undefined)?.['pooled_budget'];
  return String((pooled as Json)['period_to_date_spend']);
}

test('a group spends its budget together, sees it coming, and is stopped by it', async () => {
  const body = {
    scope: { type: 'rbac_group', rbac_group_id: 'team' },
    amount_usd: '5.00',
    pooled_budget: { amount: '10', paused: false },
  };
  const made = await adminCall(gateway.url, '', body);
  assert.equal(made.status, 200, await made.text());

  const shown: (string | null)[] = [];
  for (const sub of PEOPLE) {
    const { status, headers } = await ask(sub);
    assert.equal(status, 200);
    shown.push(headers.get('anthropic-ratelimit-unified-overage-utilization'));
  }
  assert.deepEqual(shown, ['0', '0.3', '0.6'], 'of the budget, before each request');
  assert.equal((await ask('ada')).status, 200, '9 of 10 cents were spent');
  assert.equal(await poolSpend(), '12');

  const refused = await ask('bob');
  assert.equal(refused.status, 429);
  assert.equal(refused.headers.get('anthropic-ratelimit-unified-overage-scope'), 'group_pool');
  assert.match(await refused.text(), /exceeds your group's budget/);
  assert.equal((await ask('dee', [])).status, 200, 'who is not of the group is not stopped');
});

test('the budget is spent after a kill -9 too, and every report says the same', async () => {
  await untilTrue(async () => (readLedger(home.folder).length === 5 ? true : null));
  await gateway.end('SIGKILL');
  gateway = await startGateway(home);
  await untilTrue(async () => ((await poolSpend()) === '12' ? true : null));
  assert.equal((await ask('cy')).status, 429);

  const path = '/v1/organizations/usage?group_by[]=rbac_group&group_by[]=user';
  const usage = (await admin(path)) as { data: Json[]; total: Json };
  assert.equal(usage.data.length, PEOPLE.length + 1);
  const ledger = readLedger(home.folder).reduce((sum, event) => sum + event.costMicroUsd, 0);
  assert.equal(usage.total['amount'], String(ledger / 10_000));
  assert.equal(ledger, 150_000);

  const effective = (await admin('/v1/organizations/spend_limits/effective?user_ids[]=ada')) as {
    data: Json[];
  };
  const monthly = effective.data.find(({ period }) => period === 'monthly');
  assert.equal(monthly?.['period_to_date_spend'], '6');
  const [budget] = (monthly?.['budgets'] ?? []) as Json[];
  assert.deepEqual([budget?.['amount'], budget?.['period_to_date_spend']], ['10', '12']);
});

test('paused it stops nobody and counts nothing; raised it goes on where it was', async () => {
  const scope = { type: 'rbac_group', rbac_group_id: 'team' };
  await adminCall(gateway.url, '', { scope, pooled_budget: { paused: true } });
  assert.equal((await ask('cy')).status, 200);
  assert.equal(await poolSpend(), '12');
  await adminCall(gateway.url, '', { scope, pooled_budget: { amount: '20', paused: false } });
  assert.equal((await ask('cy')).status, 200);
  assert.equal(await poolSpend(), '15');
});
