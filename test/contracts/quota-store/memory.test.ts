import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after } from 'node:test';
import { openMemoryQuotaStore } from '#shared/adapters/quota-store/memory.ts';
import { openSqliteQuotaJournal } from '#shared/adapters/quota-store/sqlite-journal.ts';
import type { QuotaStore } from '#shared/ports/quota-store.ts';
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
  const store = openMemoryQuotaStore({ clock, journal: openSqliteQuotaJournal(path) });
  paths.set(store, path);
  return wholeStore(store);
}

quotaStoreSuite({
  name: 'memory with a journal',
  openFresh,
  open: () => openAt(join(folder, `${opened++}.db`)),
  reopen: (closed) => openAt(paths.get(closed) ?? ''),
});
