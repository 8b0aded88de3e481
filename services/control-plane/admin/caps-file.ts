// The body of PUT /v1/organizations/spend_limits: a file of caps, each as POST takes it. All faults are
// told at once, each with the place of its row.

import { type CapScope, capKey } from '#shared/domain/cap.ts';
import { AppError } from '#shared/errors/app-error.ts';
import type { AdminStore } from '#shared/ports/admin-store.ts';
import { type Fields, fault, flag, parseReason, record, typeName } from './body-fields.ts';
import { type CapBody, parseCapBody } from './cap-body.ts';
import { type CapTarget, resolveTarget } from './cap-target.ts';

export interface CapsFile {
  readonly rows: readonly CapBody[];
  /** What the file does not list is deleted. */
  readonly prune: boolean;
  readonly dryRun: boolean;
  /** Of rows that give none. */
  readonly reason: string | null;
}

export interface PlacedRow {
  /** In the file. */
  readonly nth: number;
  readonly scope: CapScope;
  readonly body: CapBody;
  readonly told: CapTarget['told'];
}

const ROWS_MAX = 5000;
const FAULTS_MAX = 20;
const LOOKUPS_AT_ONCE = 16;

/** @throws AppError `invalid_request` */
export function parseCapsFile(value: unknown): CapsFile {
  const file = record('', value);
  const limits = file['limits'];
  if (limits === undefined) throw fault('limits', 'Required');
  if (!Array.isArray(limits)) throw fault('limits', `Expected array, received ${typeName(limits)}`);
  if (limits.length > ROWS_MAX) throw fault('limits', `at most ${ROWS_MAX} rows per request`);
  const prune = flag('prune', file['prune']);
  const dryRun = flag('dry_run', file['dry_run']);
  const reason = parseReason(file['reason']);
  const faults = new Faults();
  const rows = limits.flatMap((row, nth) => faults.tell(nth, () => parseRow(row)) ?? []);
  faults.throwAny();
  return { rows, prune, dryRun, reason };
}

function parseRow(value: unknown): CapBody {
  const row: Fields = record('', value);
  if (row['dry_run'] !== undefined) throw fault('dry_run', 'is of the whole file, not of a row');
  return parseCapBody(row);
}

/** Finds the people. @throws AppError `invalid_request` for an ambiguous address, and for two rows of one cap. */
export async function placeRows(
  admin: Pick<AdminStore, 'person' | 'peopleByEmail'>,
  rows: readonly CapBody[],
): Promise<PlacedRow[]> {
  const faults = new Faults();
  const placed: PlacedRow[] = [];
  const places = new Map<string, number>();
  for (let from = 0; from < rows.length; from += LOOKUPS_AT_ONCE) {
    const some = rows.slice(from, from + LOOKUPS_AT_ONCE);
    const targets = await Promise.allSettled(some.map(({ scope }) => resolveTarget(admin, scope)));
    for (const [at, body] of some.entries()) {
      const nth = from + at;
      faults.tell(nth, () => {
        const { scope, told } = outcomeOf(targets[at]);
        const key = capKey(scope, body.period, body.model);
        const first = places.get(key);
        if (first !== undefined) throw fault('', `is of the same cap as limits[${first}]`);
        places.set(key, nth);
        placed.push({ nth, scope, body, told });
      });
    }
  }
  faults.throwAny();
  return placed;
}

function outcomeOf<T>(settled: PromiseSettledResult<T> | undefined): T {
  if (settled?.status === 'fulfilled') return settled.value;
  throw settled?.reason;
}

/** Collects what is wrong with the rows; anything else is thrown as it is. */
export class Faults {
  readonly #told: string[] = [];

  /** Undefined: the row is wrong. */
  tell<T>(nth: number, work: () => T): T | undefined {
    try {
      return work();
    } catch (caught) {
      if (!(caught instanceof AppError) || caught.code !== 'invalid_request') throw caught;
      this.#told.push(`limits[${nth}]: ${caught.message}`);
      return undefined;
    }
  }

  throwAny(): void {
    if (this.#told.length === 0) return;
    const more = this.#told.length - FAULTS_MAX;
    const shown = this.#told.slice(0, FAULTS_MAX);
    throw fault('', [...shown, ...(more > 0 ? [`and ${more} more`] : [])].join('; '));
  }
}
