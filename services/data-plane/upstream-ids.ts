import type { IncomingHttpHeaders } from 'node:http';

/** What the upstream and the cloud in front of it call this request, for support cases. */
export interface UpstreamIds {
  readonly requestId?: string;
  readonly cloudRequestId?: string;
}

const CLOUD_HEADERS = ['x-goog-request-id', 'x-amzn-requestid', 'apim-request-id'];
const ID = /^[\x21-\x7e]{1,200}$/;

export function readUpstreamIds(headers: IncomingHttpHeaders): UpstreamIds {
  const requestId = idFrom(headers, ['request-id', 'x-request-id']);
  const cloudRequestId = idFrom(headers, CLOUD_HEADERS);
  return {
    ...(requestId === undefined ? {} : { requestId }),
    ...(cloudRequestId === undefined ? {} : { cloudRequestId }),
  };
}

function idFrom(headers: IncomingHttpHeaders, names: readonly string[]): string | undefined {
  for (const name of names) {
    const value = headers[name];
    if (typeof value === 'string' && ID.test(value)) return value;
  }
  return undefined;
}
