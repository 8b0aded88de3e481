import { AppError } from '#shared/errors/app-error.ts';
import type { CostCorrection } from '#shared/ports/ledger.ts';

const CORRECTIONS_MAX = 100;

/** The first of each id. @throws AppError `invalid_request` for more than a call may post. */
export function uniqueCorrections(
  corrections: readonly CostCorrection[],
): ReadonlyMap<string, CostCorrection> {
  if (corrections.length > CORRECTIONS_MAX) {
    const message = `at most ${CORRECTIONS_MAX} corrections can be posted at once`;
    throw new AppError('invalid_request', message);
  }
  const unique = new Map<string, CostCorrection>();
  for (const one of corrections) if (!unique.has(one.id)) unique.set(one.id, one);
  return unique;
}

/** @throws AppError `invalid_request` where the pseudonym is the person. */
export function assertPseudonym(sub: string, pseudonym: string): void {
  if (sub !== pseudonym && pseudonym !== '') return;
  throw new AppError('invalid_request', 'the pseudonym must be another name than the person’s');
}
