// Which model a name means, whoever spells it: dated ids, Google Cloud's, Bedrock's and ARNs of its
// profiles, names of deployments.

// Family and version, wherever the id stands in a name (`us.anthropic.claude-opus-4-8-v1:0`,
// `my-claude-opus-4-8-deploy`). Digits that are neither a version nor a date make it another model.
const NEW_ID =
  /\bclaude-(opus|sonnet|haiku|fable|mythos)-(\d{1,2})(?:-(\d{1,2}))?(?![.]?\d)(?!-\d{1,7}(?!\d))/;
const OLD_ID = /\bclaude-(\d)-(\d)-(opus|sonnet|haiku)(?![a-z0-9])/;

/** Names are few and asked for several times in each request; those that clients invent are not. */
const REMEMBERED_MAX = 1_000;
const remembered = new Map<string, string | null>();

/** `opus 4.8`: family and version, or null when the id names no model. */
export function modelKey(id: string): string | null {
  const known = remembered.get(id);
  if (known !== undefined) return known;
  const key = readKey(id.toLowerCase());
  if (remembered.size >= REMEMBERED_MAX) remembered.clear();
  remembered.set(id, key);
  return key;
}

function readKey(text: string): string | null {
  const fresh = NEW_ID.exec(text);
  if (fresh !== null) return `${fresh[1]} ${Number(fresh[2])}.${Number(fresh[3] ?? 0)}`;
  const old = OLD_ID.exec(text);
  return old === null ? null : `${old[3]} ${old[1]}.${old[2]}`;
}
