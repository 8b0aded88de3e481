import { type Books, openLedger } from './open-ledger.ts';
import type { StoresOptions } from './opening.ts';
import { embeddedDatabase } from './stores.ts';

/**
 * The ledger's database alone, for a command that works beside a gateway that may be running.
 * @throws AppError `unavailable` when it cannot be opened.
 */
export async function openBooks(options: StoresOptions): Promise<Books & AsyncDisposable> {
  const opened = new AsyncDisposableStack();
  try {
    const embedded = embeddedDatabase(options.config, opened);
    const books = await openLedger({ ...options, opened, embedded });
    return { ...books, [Symbol.asyncDispose]: () => opened.disposeAsync() };
  } catch (caught) {
    await opened.disposeAsync();
    throw caught;
  }
}
