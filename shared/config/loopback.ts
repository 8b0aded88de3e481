// Where the gateway must not be sent by a slip or an attack in its own configuration: itself, the
// link, and the clouds' metadata services, which hand out credentials to whoever asks (SSRF).
// Names are judged as written: nothing is resolved here, so a public name may still point inward.

export type InnerPlace = 'loopback' | 'link-local' | 'metadata';

const METADATA_NAMES = new Set([
  'metadata.google.internal',
  'metadata.goog',
  'metadata',
  'instance-data',
  'instance-data.ec2.internal',
  'metadata.azure.internal',
]);
const METADATA_V4 = new Set(['169.254.169.254', '169.254.170.2', '100.100.100.200', '192.0.0.192']);
const METADATA_V6 = new Set(['fd00:ec2:0:0:0:0:0:254', 'fd20:ce:0:0:0:0:0:254']);
const LOOPBACK_NAMES = new Set(['localhost', 'localhost.localdomain', 'ip6-localhost']);

/** The inner place that a URL's host names, or undefined for anywhere else. */
export function innerPlaceOfUrl(url: string): InnerPlace | undefined {
  return URL.canParse(url) ? innerPlace(new URL(url).hostname) : undefined;
}

/** The inner place that a host name or address names; decimal, octal, hex, mapped count. */
export function innerPlace(host: string): InnerPlace | undefined {
  const name = host.toLowerCase().replace(/\.+$/, '');
  if (METADATA_NAMES.has(name)) return 'metadata';
  if (LOOPBACK_NAMES.has(name) || name.endsWith('.localhost')) return 'loopback';
  const bare = name.replace(/^\[|\]$/g, '');
  if (bare.includes(':')) return innerPlaceOfV6(bare);
  const bytes = parseV4(name);
  return bytes === undefined ? undefined : innerPlaceOfV4(bytes);
}

function innerPlaceOfV4(bytes: readonly number[]): InnerPlace | undefined {
  if (METADATA_V4.has(bytes.join('.'))) return 'metadata';
  if (bytes[0] === 127 || bytes[0] === 0) return 'loopback';
  return bytes[0] === 169 && bytes[1] === 254 ? 'link-local' : undefined;
}

function innerPlaceOfV6(text: string): InnerPlace | undefined {
  const groups = parseV6(text.replace(/%.*$/, ''));
  if (groups === undefined) return undefined;
  if (METADATA_V6.has(groups.map((group) => group.toString(16)).join(':'))) return 'metadata';
  const inner = embeddedV4(groups);
  if (inner !== undefined) return innerPlaceOfV4(inner);
  return (groups[0]! & 0xffc0) === 0xfe80 ? 'link-local' : undefined;
}

/** The IPv4 address inside a mapped, compatible, NAT64 (RFC 6052) or 6to4 (RFC 3056) address. */
function embeddedV4(groups: readonly number[]): number[] | undefined {
  if (groups[0] === 0x2002) return split(groups[1]!, groups[2]!);
  const isNat64 = groups[0] === 0x64 && groups[1] === 0xff9b;
  const start = isNat64 ? [0x64, 0xff9b, 0, 0, 0, 0] : [0, 0, 0, 0, 0, groups[5]];
  const fits = start.every((group, index) => groups[index] === group);
  if (!fits || (!isNat64 && groups[5] !== 0 && groups[5] !== 0xffff)) return undefined;
  const isLoopback = groups[5] === 0 && groups[6] === 0 && groups[7]! <= 1;
  return isLoopback && !isNat64 ? [127, 0, 0, 1] : split(groups[6]!, groups[7]!);
}

function split(high: number, low: number): number[] {
  return [high >> 8, high & 255, low >> 8, low & 255];
}

/** IPv4 as inet_aton reads it: one to four parts, each decimal, 0-octal or 0x-hex. */
function parseV4(text: string): number[] | undefined {
  const parts = text.split('.');
  if (parts.length > 4 || parts.some((part) => !/^(0x[\da-f]*|\d+)$/.test(part))) return undefined;
  const numbers = parts.map((part) =>
    /^0\d/.test(part) ? parseInt(part, 8) : Number(part || NaN),
  );
  const last = numbers.pop()!;
  if (!(last < 256 ** (4 - numbers.length)) || numbers.some((part) => !(part < 256)))
    return undefined;
  const tail = Array.from(
    { length: 4 - numbers.length },
    (_, index, all = 4 - numbers.length) => Math.floor(last / 256 ** (all - 1 - index)) % 256,
  );
  return [...numbers, ...tail];
}

function parseV6(text: string): number[] | undefined {
  const dotted = /^(.*:)(\d+\.\d+\.\d+\.\d+)$/.exec(text);
  const v4 = dotted === null ? undefined : parseV4(dotted[2]!);
  if (dotted !== null && v4 === undefined) return undefined;
  const plain =
    v4 === undefined ? text : `${dotted![1]}${join(v4[0]!, v4[1]!)}:${join(v4[2]!, v4[3]!)}`;
  const halves = plain.split('::');
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map((half) => (half === '' ? [] : half.split(':')));
  const missing = 8 - head!.length - (tail?.length ?? 0);
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined;
  const groups = [
    ...head!,
    ...Array<string>(tail === undefined ? 0 : missing).fill('0'),
    ...(tail ?? []),
  ];
  if (groups.some((group) => !/^[\da-f]{1,4}$/.test(group))) return undefined;
  return groups.map((group) => Number.parseInt(group, 16));
}

function join(high: number, low: number): string {
  return (high * 256 + low).toString(16);
}
