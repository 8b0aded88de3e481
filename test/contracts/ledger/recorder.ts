import type { Ledger } from '#shared/ports/ledger.ts';
import type { ChildTask, ChildWork } from '../../support/child.ts';
import { deliveredEvents } from './deliveries.ts';

export const RECORDER: ChildTask = { module: import.meta.url, export: 'record' };

/** Records one batch after the other and prints each acknowledged id. */
export const record: ChildWork<Ledger> = async (ledger, print, first, count, batchSize) => {
  const events = deliveredEvents(Number(first), Number(count));
  for (let at = 0; at < events.length; at += Number(batchSize)) {
    const { recorded, duplicates } = await ledger.record(events.slice(at, at + Number(batchSize)));
    for (const id of [...recorded, ...duplicates]) print(id);
  }
};
