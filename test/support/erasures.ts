import type { AdminDatabase } from './admin-database.ts';

/** A ledger that says how many events of whom it changed, without changing any. */
export function withErasures(eventsOf: Readonly<Record<string, number>> = {}) {
  const erased: { sub: string; pseudonym: string }[] = [];
  const replace = ({ ledger }: AdminDatabase): Partial<AdminDatabase> => ({
    ledger: {
      ...ledger,
      async erase(sub, pseudonym) {
        erased.push({ sub, pseudonym });
        return eventsOf[sub] ?? 0;
      },
    },
  });
  return { erased, replace };
}
