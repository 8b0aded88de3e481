// Where the demo provider keeps codes, tokens and sessions: in memory, for as long as it runs.

import type { Adapter, AdapterFactory, AdapterPayload } from 'oidc-provider';

/** Beyond it the oldest goes; a demo does not get there. */
const ENTRIES_MAX = 10_000;

export function createMemoryAdapter(): AdapterFactory {
  const entries = new Map<string, AdapterPayload>();

  function find(matches: (payload: AdapterPayload) => boolean): AdapterPayload | undefined {
    return [...entries.values()].find(matches);
  }

  return (kind): Adapter => {
    const keyOf = (id: string) => `${kind}:${id}`;
    return {
      async upsert(id, payload) {
        entries.set(keyOf(id), payload);
        if (entries.size > ENTRIES_MAX) entries.delete(entries.keys().next().value ?? '');
      },
      find: async (id) => entries.get(keyOf(id)),
      findByUserCode: async (userCode) => find((payload) => payload.userCode === userCode),
      findByUid: async (uid) => find((payload) => payload.kind === kind && payload.uid === uid),
      async consume(id) {
        const payload = entries.get(keyOf(id));
        // Any truthy number says consumed; the time does not matter here.
        if (payload !== undefined) entries.set(keyOf(id), { ...payload, consumed: 1 });
      },
      async destroy(id) {
        entries.delete(keyOf(id));
      },
      async revokeByGrantId(grantId) {
        for (const [key, payload] of entries) {
          if (payload.grantId === grantId) entries.delete(key);
        }
      },
    };
  };
}
