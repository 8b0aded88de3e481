/** On everything that carries a code or a token (RFC 6749 §5.1). */
export const NO_STORE: Readonly<Record<string, string>> = {
  'cache-control': 'no-store',
  pragma: 'no-cache',
};
