// The alert methods of an admin store, in memory: for what is built on them and breaks in ways that a
// database does not.

import type { AdminStore, Alert, Person } from '#shared/ports/admin-store.ts';

export type AlertStore = Pick<
  AdminStore,
  'raiseAlerts' | 'unsentAlerts' | 'markAlertsSent' | 'people'
>;

export interface MemoryAlertStore extends AlertStore {
  /** Every alert raised, in order. */
  readonly raised: readonly Alert[];
  readonly directory: Person[];
}

export function openMemoryAlertStore(): MemoryAlertStore {
  const raised = new Map<string, Alert>();
  const unsent = new Map<string, Alert>();
  const directory: Person[] = [];
  return {
    get raised() {
      return [...raised.values()];
    },
    directory,
    async raiseAlerts(alerts) {
      const fresh = alerts.filter(({ id }) => !raised.has(id));
      for (const alert of fresh) {
        raised.set(alert.id, alert);
        unsent.set(alert.id, alert);
      }
      return fresh;
    },
    unsentAlerts: async (limit) => [...unsent.values()].slice(0, limit),
    async markAlertsSent(ids) {
      for (const id of ids) unsent.delete(id);
    },
    async people(after, limit) {
      const left = directory
        .filter(({ sub }) => after === null || sub > after)
        .sort((a, b) => (a.sub < b.sub ? -1 : 1));
      const rows = left.slice(0, limit);
      return { rows, next: left.length > limit ? (rows.at(-1)?.sub ?? null) : null };
    },
  };
}
