// A role's `availableModels`. Names are compared as the reference compares them: case, a date,
// `[1m]`, `-latest` and spaces around do not matter; the spellings of clouds (`us.anthropic.…`,
// `…@date`, `anthropic/…`) match no entry. Whether such a model exists at all is the catalogue's
// question.

export interface ModelAllowlist {
  /** Two Set lookups and one regular expression. */
  allows(requested: string): boolean;
}

const FAMILY = /^(?:claude-(?:\d+-)*)?([a-z]+)(?:-\d+)*$/;
const FAMILY_NAME = /^[a-z]+$/;

/** An entry is a model id or the name of a family (`sonnet`); no entries allow nothing. */
export function createModelAllowlist(entries: readonly string[]): ModelAllowlist {
  const names = new Set(entries.map(plainName));
  const families = new Set([...names].filter((name) => FAMILY_NAME.test(name)));
  return {
    allows(requested) {
      const name = plainName(requested);
      if (names.has(name)) return true;
      const family = FAMILY.exec(name)?.[1];
      return family !== undefined && families.has(family);
    },
  };
}

function plainName(spelling: string): string {
  return spelling
    .trim()
    .toLowerCase()
    .replace(/\[1m\]$/, '')
    .replace(/-(?:latest|\d{8})$/, '');
}
