// Whose request it is: the TCP peer, or with trusted proxies the first untrusted hop of
// X-Forwarded-For from the right. `X-Real-IP` and `Forwarded` are never believed.

import { BlockList, isIP } from 'node:net';

/** Address ranges (`10.0.0.0/8`, `2001:db8::/32`, or one address). */
export interface AddressList {
  readonly isEmpty: boolean;
  has(address: string): boolean;
}

export function createAddressList(ranges: readonly string[]): AddressList {
  if (ranges.length === 0) return NOBODY;
  const list = new BlockList();
  for (const range of ranges) {
    const [address = '', prefix] = range.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if (prefix === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(prefix), family);
  }
  return {
    isEmpty: false,
    has: (address) => list.check(address, isIP(address) === 6 ? 'ipv6' : 'ipv4'),
  };
}

const NOBODY: AddressList = { isEmpty: true, has: () => false };

export type ClientIp = { readonly ok: true; readonly ip: string } | { readonly ok: false };

/** `ok: false`: a hop that has to be believed cannot be read. */
export function clientIp(
  peer: string | undefined,
  forwardedFor: string | undefined,
  trusted: AddressList,
): ClientIp {
  const own = normalise(peer ?? '') ?? '';
  if (trusted.isEmpty || forwardedFor === undefined || !trusted.has(own))
    return { ok: true, ip: own };
  for (const hop of forwardedFor.split(',').reverse()) {
    // RFC 9110 §5.6.1: empty elements of a list do not count.
    if (hop.trim() === '') continue;
    const ip = normalise(hop.trim());
    if (ip === null) return { ok: false };
    if (!trusted.has(ip)) return { ok: true, ip };
  }
  return { ok: true, ip: own };
}

/** `ip:port`, `[v6]:port`, `[v6]` and v4-mapped addresses become the bare address. */
function normalise(text: string): string | null {
  if (isIP(text) === 4) return text;
  const bracketed = /^\[([^\]]+)\](?::\d{1,5})?$/.exec(text)?.[1];
  const withPort = /^(\d{1,3}(?:\.\d{1,3}){3}):\d{1,5}$/.exec(text)?.[1];
  const address = bracketed ?? withPort ?? text;
  const mapped = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/i.exec(address)?.[1];
  const bare = mapped ?? address;
  return isIP(bare) === 0 ? null : bare;
}
