// Changes members of a JSON object by cutting its bytes. Nothing is re-serialised, so big numbers keep
// their digits and everything untouched stays as the client wrote it. Cost: a few subarrays.

import type { Member } from './member-capture.ts';
import { type ScannedObject, scanTopLevel } from './top-level-scanner.ts';

export interface Edit {
  readonly drop?: readonly string[];
  /** New values, as JSON text, for members that are there. */
  readonly replace?: Readonly<Record<string, string>>;
  /** Members to put in front, as JSON text. */
  readonly add?: Readonly<Record<string, string>>;
}

interface Cut {
  readonly from: number;
  readonly to: number;
  readonly text: string;
}

/** The edited body as a new chunk list over the same bytes. */
export function spliceBody(
  chunks: readonly Buffer[],
  scanned: ScannedObject,
  { drop = [], replace = {}, add = {} }: Edit,
): Buffer[] {
  const dropped = scanned.members.filter((member) => drop.includes(member.key));
  const cuts: Cut[] = dropRanges(dropped, scanned).map(([from, to]) => ({ from, to, text: '' }));
  for (const { key, valueStart, end } of scanned.members) {
    if (!Object.hasOwn(replace, key) || drop.includes(key)) continue;
    cuts.push({ from: valueStart, to: end, text: replace[key] ?? 'null' });
  }
  const added = Object.entries(add).map(([key, text]) => `${JSON.stringify(key)}:${text}`);
  if (added.length > 0) {
    const comma = scanned.memberCount > dropped.length ? ',' : '';
    cuts.push({ from: scanned.open + 1, to: scanned.open + 1, text: added.join() + comma });
  }
  if (cuts.length === 0) return [...chunks];
  // An insertion behind the brace comes before a cut that starts there.
  return applyCuts(
    chunks,
    cuts.sort((a, b) => a.from - b.from || a.to - b.to),
  );
}

/** A body without some members, found by a scan of its own: for rare and background work. */
export function dropMembers(chunks: readonly Buffer[], keys: ReadonlySet<string>): Buffer[] | null {
  const scanned = scanTopLevel(chunks, keys, 0);
  return scanned.outcome === 'object' ? spliceBody(chunks, scanned, { drop: [...keys] }) : null;
}

export function byteLength(chunks: readonly Uint8Array[]): number {
  let bytes = 0;
  for (const chunk of chunks) bytes += chunk.length;
  return bytes;
}

/**
 * Each dropped member goes with the comma behind it; a run of them at the end goes with the comma in
 * front of the run instead.
 */
function dropRanges(dropped: readonly Member[], scanned: ScannedObject): [number, number][] {
  const ranges: [number, number][] = [];
  let tailFrom = -1;
  for (const member of dropped.toReversed()) {
    const isTail = member.commaAfter === -1 || (tailFrom !== -1 && member.commaAfter === tailFrom);
    if (!isTail) ranges.push([member.start, member.commaAfter + 1]);
    else tailFrom = member.commaBefore === -1 ? member.start : member.commaBefore;
  }
  if (tailFrom !== -1) ranges.push([tailFrom, scanned.close]);
  return ranges;
}

function applyCuts(chunks: readonly Buffer[], cuts: readonly Cut[]): Buffer[] {
  const out: Buffer[] = [];
  let at = 0;
  for (const { from, to, text } of cuts) {
    pushRange(out, chunks, at, from);
    if (text !== '') out.push(Buffer.from(text));
    at = to;
  }
  pushRange(out, chunks, at, Number.POSITIVE_INFINITY);
  return out;
}

function pushRange(out: Buffer[], chunks: readonly Buffer[], from: number, to: number): void {
  let base = 0;
  for (const chunk of chunks) {
    const start = Math.max(from - base, 0);
    const end = Math.min(to - base, chunk.length);
    if (start < end) out.push(chunk.subarray(start, end));
    base += chunk.length;
  }
}
