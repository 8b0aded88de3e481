/** The keys last noted, up to a number: what this process need not do again. */
export interface Recently {
  has(key: string): boolean;
  note(key: string): void;
}

export function createRecently(keysMax: number): Recently {
  const keys = new Set<string>();
  return {
    has: (key) => keys.has(key),
    note(key) {
      keys.delete(key);
      keys.add(key);
      const [oldest] = keys.size > keysMax ? keys : [];
      if (oldest !== undefined) keys.delete(oldest);
    },
  };
}
