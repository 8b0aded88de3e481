// Betas in a Bedrock body: a list of the client's own may stand there, those of its header go behind.

import { parseJson } from '../meter.ts';
import type { ScannedObject } from '../top-level-scanner.ts';

export const BEDROCK_VERSION = '"bedrock-2023-05-31"';
const MEMBER = 'anthropic_beta';

export interface BetaEdit {
  readonly drop: readonly string[];
  readonly replace: Readonly<Record<string, string>>;
  readonly add: Readonly<Record<string, string>>;
}

const NOTHING: BetaEdit = { drop: [], replace: {}, add: {} };

/**
 * The edit after which the body has the betas that `choose` makes of its own. What is no list of texts,
 * or longer than the scanner keeps, stays as it is: Bedrock says itself what is wrong with it.
 */
export function betaEdit(
  { members }: ScannedObject,
  choose: (own: readonly string[]) => readonly string[],
): BetaEdit {
  const member = members.find(({ key }) => key === MEMBER);
  const own = member === undefined ? [] : parseJson(member.raw ?? 'null');
  if (!isTexts(own)) return NOTHING;
  const betas = choose(own);
  if (betas.length === 0) return { ...NOTHING, drop: [MEMBER] };
  const text = JSON.stringify(betas);
  return member === undefined
    ? { ...NOTHING, add: { [MEMBER]: text } }
    : { ...NOTHING, replace: { [MEMBER]: text } };
}

/** The betas that a header names. */
export function betasOf(header: string | string[] | undefined): string[] {
  const names = String(header ?? '').split(',');
  return names.map((name) => name.trim()).filter((name) => name !== '');
}

function isTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((entry) => typeof entry === 'string');
}
