/** Every way in which a request can end badly, once. Envelopes say how each wire spells it. */
export const ERROR_CODES = [
  'invalid_request',
  'unauthenticated',
  'forbidden',
  'not_found',
  'method_not_allowed',
  'length_required',
  'request_too_large',
  'uri_too_long',
  'headers_too_large',
  'conflict',
  'upstream_failed',
  'upstream_rejected',
  'overloaded',
  'unavailable',
  'internal',
] as const;

export type ErrorCode = (typeof ERROR_CODES)[number];
