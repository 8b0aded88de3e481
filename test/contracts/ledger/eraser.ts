import type { Ledger } from '#shared/ports/ledger.ts';
import type { ChildTask, ChildWork } from '../../support/child.ts';

export const ERASER: ChildTask = { module: import.meta.url, export: 'eraser' };

/** Erases a person, and says when it begins. */
export const eraser: ChildWork<Ledger> = async (ledger, print, sub, pseudonym) => {
  print('begun');
  await ledger.erase(sub ?? '', pseudonym ?? '');
};
