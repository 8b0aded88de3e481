import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ORGANIZATION, userAccount } from '#shared/domain/account.ts';
import { microUsd } from '#shared/domain/money.ts';
import { decodeUsageEvent, encodeUsageEvent } from '#shared/events/usage-v1.ts';
import { admitRequest, cents, poolOf } from '../../../test/support/quota.ts';
import { openSpendJobs } from '../../../test/support/spend-jobs.ts';
import { usageEvent } from '../../../test/support/usage-event.ts';
import { sweepReservations } from './sweep-reservations.ts';

test('an orphan is billed to what its reservation holds, the budget that was chosen among it', async () => {
  const { deps, published, month } = openSpendJobs();
  await deps.quota.markWhole();
  const accounts = [userAccount('dana'), ORGANIZATION];
  // Written before anybody knew the budget.
  const draft = usageEvent({ sub: 'dana', accounts, costMicroUsd: 70 });
  const admission = await deps.quota.admit({
    ...admitRequest({ sub: 'dana', nowMs: deps.clock.now(), id: draft.id }),
    accounts,
    pools: [poolOf('a', cents(5)), poolOf('b', cents(9))],
    draft: encodeUsageEvent(draft),
  });
  assert.equal(admission.outcome === 'admitted' && admission.pool, 'pool:b');
  deps.clock.advance(60_000);
  await sweepReservations(deps, new AbortController().signal);

  const charged = [...accounts, 'pool:b'];
  const [entry] = await deps.quota.outbox(deps.clock.now(), 10);
  assert.deepEqual(entry?.accounts, charged);
  for (const event of [decodeUsageEvent(entry?.event ?? ''), published[0]]) {
    assert.deepEqual([event?.id, event?.outcome, event?.accounts], [draft.id, 'orphaned', charged]);
  }
  await deps.ingest(
    published.map((event) => {
      return { id: event.id, data: Buffer.from(encodeUsageEvent(event)), attributes: {} };
    }),
  );
  assert.deepEqual(await month('pool:b'), { spent: microUsd(70), pending: 0 });
  assert.equal((await month('pool:a')).spent, 0);
});
