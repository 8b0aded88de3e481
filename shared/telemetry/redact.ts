// What may stand in a log line. A string whose field is named like a secret is not printed; what looks
// like a credential is masked wherever it stands. Numbers pass: token counts are not tokens.

const REDACTED = '[redacted]';
const STRING_CHARS_MAX = 2_000;

const SECRET_WORDS = new Set([
  ...['authorization', 'token', 'tokens', 'secret', 'secrets', 'password', 'passphrase', 'passwd'],
  ...['cookie', 'cookies', 'credential', 'credentials', 'key', 'keys', 'apikey', 'jwt', 'bearer'],
  ...['assertion', 'verifier'],
]);
const SECRET_NAMES = /(?:device|user|authorization|auth)_?code$/i;
/** `key_id`, `token_type`, `token_endpoint` name a secret without being one. */
const HARMLESS_ENDINGS = new Set(['id', 'ids', 'type', 'count', 'endpoint', 'name', 'status']);

/** One pattern, linear in the text: no alternative can start inside another's repetition. */
const CREDENTIALS = new RegExp(
  [
    '-----BEGIN [A-Z ]*PRIVATE KEY-----[^]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)',
    String.raw`\beyJ[\w-]{4,}(?:\.[\w-]*){1,4}`,
    String.raw`\b[Bb]earer\s+[\w.~+/=-]{4,}`,
    String.raw`\bBasic\s+[\w+/=-]{6,}`,
    String.raw`\bsk-[\w-]{4,}`,
    String.raw`\bya29\.[\w.-]+`,
    String.raw`\bAIza[\w-]{20,}`,
    String.raw`(?<=:\/\/[^\s/@:]{0,64}:)[^\s/@]+(?=@)`,
    String.raw`(?<=[?&](?:code|state|[a-z_]*token|client_secret|device_code|user_code|key)=)[^&\s"'#]+`,
  ].join('|'),
  'g',
);

/** Names are those of our code; should one ever come from elsewhere, memory stays bounded. */
const JUDGED_MAX = 1_000;
const judged = new Map<string, boolean>();

/** Whether a field of this name holds a secret: `accessToken`, `x-api-key`, `client_secret`. */
function isSecretName(name: string): boolean {
  const known = judged.get(name);
  if (known !== undefined) return known;
  const isSecret = soundsSecret(name);
  if (judged.size < JUDGED_MAX) judged.set(name, isSecret);
  return isSecret;
}

function soundsSecret(name: string): boolean {
  if (SECRET_NAMES.test(name)) return true;
  const words = name
    .replace(/([a-z0-9])([A-Z])/g, '$1_$2')
    .toLowerCase()
    .split(/[^a-z0-9]+/);
  if (HARMLESS_ENDINGS.has(words.at(-1) ?? '')) return false;
  return words.some((word) => SECRET_WORDS.has(word));
}

/** The text with everything that looks like a credential masked, at most 2 000 characters. */
export function maskCredentials(text: string): string {
  // Cut first: a credential that the cut halves is still one, and is masked as one.
  const cut = text.length > STRING_CHARS_MAX ? `${text.slice(0, STRING_CHARS_MAX)}…` : text;
  return cut.replace(CREDENTIALS, REDACTED);
}

/** A field's string, safe to print. */
export function redactString(name: string, value: string): string {
  return isSecretName(name) && value !== '' ? REDACTED : maskCredentials(value);
}
