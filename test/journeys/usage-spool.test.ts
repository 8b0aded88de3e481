// Neither the quota store nor the bus takes usage: it waits on the machine's disk, also over the end
// of its process, and reaches both when they are back.

import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { AppError } from '#shared/errors/app-error.ts';
import type { QuotaStore } from '#shared/ports/quota-store.ts';
import { eventually } from '../support/inbox.ts';
import { anthropicAt, openMessagesGateway, PROMPT, standing } from '../support/messages-gateway.ts';
import { openFakeUpstream } from '../support/upstream.ts';

const away = () => Promise.reject(new AppError('unavailable', 'away'));
const storeAway = (store: QuotaStore): QuotaStore => ({ ...store, admit: away, settle: away });

async function serveOne(spoolDirectory: string, upstreamUrl: string): Promise<string> {
  await using gateway = await openMessagesGateway({
    upstreams: [anthropicAt(upstreamUrl)],
    quota: storeAway,
    publish: away,
    spoolDirectory,
  });
  const response = await gateway.ask(PROMPT);
  assert.equal(response.status, 200);
  await response.text();
  await gateway.settled();
  assert.equal(gateway.spool.size(), 1);
  return response.headers.get('x-request-id') ?? '';
}

test('usage outlives its process and reaches ledger and counters when they are back', async () => {
  const directory = mkdtempSync(join(tmpdir(), 'tallygate-spool-'));
  try {
    await using upstream = await openFakeUpstream();
    const requestId = await serveOne(directory, upstream.url);
    await using next = await openMessagesGateway({
      upstreams: [anthropicAt(upstream.url)],
      spoolDirectory: directory,
    });
    const event = await next.nextEvent();
    assert.equal(event.requestId, requestId);
    await eventually(async () => (next.spool.size() === 0 ? true : null));
    const { pending } = await standing(next.quota, next.clock.now());
    assert.equal(pending, event.costMicroUsd);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

test('usage that the bus took does not wait for the quota store', async () => {
  await using upstream = await openFakeUpstream();
  let settles = 0;
  const settleAway = (store: QuotaStore): QuotaStore => ({
    ...store,
    settle: () => {
      settles += 1;
      return away();
    },
  });
  await using gateway = await openMessagesGateway({
    upstreams: [anthropicAt(upstream.url)],
    quota: settleAway,
  });
  await (await gateway.ask(PROMPT)).text();
  await gateway.nextEvent();
  await gateway.settled();
  assert.equal(gateway.spool.size(), 0);
  // The counters are repaired from the ledger; trying for ever would only hold memory.
  assert.ok(settles > 1 && settles < 10, `${settles} tries`);
});
