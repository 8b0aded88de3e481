// Sign-in attempts per network. An IPv6 customer owns a /64, so its addresses count as one.

import { isIPv6 } from 'node:net';
import type { SignInDeps } from './sign-in-deps.ts';

type Door = 'device_authorization' | 'device_verify' | 'device_deny' | 'device_view';

const MAPPED_V4 = /^::ffff:(\d{1,3}(?:\.\d{1,3}){3})$/i;

/** Counts a hit at a door and says whether the network has had too many. */
export async function isOverLimit(
  door: Door,
  clientIp: string,
  { grants, rateLimits, clock }: Pick<SignInDeps, 'grants' | 'rateLimits' | 'clock'>,
): Promise<boolean> {
  const limit =
    door === 'device_authorization' ? rateLimits.deviceAuthorization : rateLimits.deviceVerify;
  const key = `${door}:${networkOf(clientIp)}`;
  return (await grants.countHit(key, limit.windowSeconds, clock.now())) > limit.max;
}

/** The network that an address stands for: itself, or its IPv6 /64. */
export function networkOf(ip: string): string {
  const mapped = MAPPED_V4.exec(ip)?.[1];
  if (mapped !== undefined) return mapped;
  const [address = ip] = ip.split('%');
  if (!isIPv6(address)) return ip;
  const [head = '', tail] = address.toLowerCase().split('::');
  const left = head === '' ? [] : head.split(':');
  const right = tail === undefined || tail === '' ? [] : tail.split(':');
  const missing = tail === undefined ? 0 : Math.max(0, 8 - left.length - right.length);
  const groups = [...left, ...Array.from({ length: missing }, () => '0'), ...right];
  const prefix = groups.slice(0, 4).map((group) => Number.parseInt(group, 16).toString(16));
  return `${prefix.join(':')}::/64`;
}
