import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { openFileQuotaJournal } from '#shared/adapters/quota-store/file-journal.ts';
import { openMemoryQuotaStore } from '#shared/adapters/quota-store/memory.ts';
import type { QuotaStore } from '#shared/ports/quota-store.ts';
import { createMemoryLog } from '../../support/log.ts';
import { wholeStore } from '../../support/quota.ts';
import { NOW, quotaStoreSuite } from './suite.ts';

const clock = { now: () => NOW };

const openFresh = async () => openMemoryQuotaStore({ clock });

quotaStoreSuite({ name: 'memory', openFresh, open: async () => wholeStore(await openFresh()) });

const folder = await mkdtemp(join(tmpdir(), 'tallygate-quota-'));
after(() => rm(folder, { recursive: true }));
const paths = new Map<QuotaStore, string>();
let opened = 0;

async function openAt(path: string): Promise<QuotaStore> {
  const journal = await openFileQuotaJournal({ path, log: createMemoryLog() });
  const store = openMemoryQuotaStore({ clock, journal });
  paths.set(store, path);
  return wholeStore(store);
}

quotaStoreSuite({
  name: 'memory with a journal',
  openFresh,
  open: () => openAt(join(folder, `${opened++}.jsonl`)),
  reopen: (closed) => openAt(paths.get(closed) ?? ''),
});
