// The body of POST /v1/organizations/spend_limits. Only the first fault is named, in the order of the
// fields below. `email`, `model`, `amount_usd`, `dry_run` and budgets that are not of a group's month
// are ours; the reference ignores them.

import type { CapScope } from '#shared/domain/cap.ts';
import { capModel } from '#shared/domain/model-names.ts';
import { PERIODS, type Period } from '#shared/domain/period.ts';
import {
  type Fields,
  fault,
  flag,
  identifier,
  parseReason,
  record,
  text,
  typeName,
} from './body-fields.ts';

/** Whose cap it is to be; `email`: of the person who has the address. */
export type BodyScope = CapScope | { readonly type: 'user'; readonly email: string };

export interface PooledBody {
  /** Whole cents, canonical; null: as it is. */
  readonly amount: string | null;
  /** Null: as it is. */
  readonly paused: boolean | null;
}

export interface CapBody {
  readonly scope: BodyScope;
  /** Whole cents, canonical; null: unlimited; undefined: as it is. */
  readonly amount: string | null | undefined;
  readonly period: Period;
  /** As `Cap.model`. */
  readonly model: string | null;
  /** Null: as it is. */
  readonly pooledBudget: PooledBody | null;
  readonly reason: string | null;
  readonly dryRun: boolean;
}

const AMOUNT_MAX = 9_223_372_036_854_775_807n;

/** @throws AppError `invalid_request` that names the field. Unknown fields are ignored. */
export function parseCapBody(value: unknown): CapBody {
  const body = record('', value);
  const scope = parseScope(body['scope']);
  const isKept = typeof body['pooled_budget'] === 'object' && body['pooled_budget'] !== null;
  const amount = parseMoney('', body, AT_MOST);
  if (amount === undefined && !isKept) throw fault('amount', 'Required');
  const period = parsePeriod(body['period']);
  assertDollars('currency', body['currency']);
  const model = parseModel(body['model']);
  const pooledBudget = parsePooledBudget(body['pooled_budget'], scope, model);
  const reason = parseReason(body['reason']);
  return {
    scope,
    amount,
    period,
    model,
    pooledBudget,
    reason,
    dryRun: flag('dry_run', body['dry_run']),
  };
}

function parseScope(value: unknown): BodyScope {
  const scope = record('scope', value);
  switch (scope['type']) {
    case 'user':
      return parseUser(scope);
    case 'rbac_group': {
      const rbacGroupId = identifier('scope.rbac_group_id', scope['rbac_group_id']);
      return { type: 'rbac_group', rbacGroupId };
    }
    case 'organization':
      return { type: 'organization' };
    default:
      throw fault(
        'scope.type',
        "Invalid discriminator value. Expected 'user' | 'rbac_group' | 'organization'",
      );
  }
}

function parseUser({ user_id: userId, email }: Fields): BodyScope {
  if (email === undefined) {
    return { type: 'user', userId: identifier('scope.user_id', userId) };
  }
  if (userId !== undefined) throw fault('scope', 'give user_id or email, not both');
  return { type: 'user', email: identifier('scope.email', email) };
}

const CENTS = 'must be a whole-number decimal string of cents';
const AT_MOST = `must be at most ${AMOUNT_MAX}`;

/** `amount` in cents or `amount_usd` in dollars → cents; undefined: neither is there. */
function parseMoney(path: string, body: Fields, tooLarge: string): string | null | undefined {
  const { amount, amount_usd: dollars } = body;
  const at = (name: string) => (path === '' ? name : `${path}.${name}`);
  if (dollars === undefined) {
    return amount === undefined || amount === null
      ? amount
      : parseCents(at('amount'), amount, tooLarge);
  }
  if (amount !== undefined) throw fault(at('amount'), 'give amount or amount_usd, not both');
  if (dollars === null) return null;
  const found = /^(\d+)(?:\.(\d{1,2}))?$/.exec(text(at('amount_usd'), dollars));
  if (found === null) {
    throw fault(at('amount_usd'), 'must be a decimal string of dollars with at most two places');
  }
  const [, whole = '', fraction = ''] = found;
  return parseCents(at('amount_usd'), whole + fraction.padEnd(2, '0'), 'is too large');
}

function parseCents(path: string, value: unknown, tooLarge: string): string {
  const digits = text(path, value);
  if (!/^\d+$/.test(digits)) throw fault(path, CENTS);
  const canonical = digits.replace(/^0+(?=\d)/, '');
  if (canonical.length > 19 || BigInt(canonical) > AMOUNT_MAX) throw fault(path, tooLarge);
  return canonical;
}

function parsePeriod(value: unknown): Period {
  if (value === undefined) return 'monthly';
  const expected = "Expected 'daily' | 'weekly' | 'monthly'";
  if (typeof value !== 'string') throw fault('period', `${expected}, received ${typeName(value)}`);
  const period = PERIODS.find((known) => known === value);
  if (period === undefined) {
    throw fault('period', `Invalid enum value. ${expected}, received '${value}'`);
  }
  return period;
}

function assertDollars(path: string, value: unknown): void {
  if (value === undefined || value === 'USD') return;
  throw fault(path, 'Invalid literal value, expected "USD"');
}

function parseModel(value: unknown): string | null {
  if (value === undefined || value === null) return null;
  const model = capModel(text('model', value));
  if (model === null) throw fault('model', 'must be a family, such as opus, or the id of a model');
  return model;
}

/** Null also where it says nothing: an empty object, an amount of null. */
function parsePooledBudget(
  value: unknown,
  scope: BodyScope,
  model: string | null,
): PooledBody | null {
  if (value === undefined || value === null) return null;
  const path = 'pooled_budget';
  const given = record(path, value);
  const amount = parseMoney(path, given, CENTS) ?? null;
  const isPausedGiven = given['paused'] !== undefined;
  const paused = isPausedGiven ? flag(`${path}.paused`, given['paused']) : null;
  assertDollars(`${path}.currency`, given['currency']);
  if (amount === null && paused === null) return null;
  if (scope.type === 'user') {
    throw fault('', 'Pooled budget fields can only be set on a group-level limit');
  }
  if (model !== null) {
    throw fault(
      '',
      'Pooled budgets are for all models. Set pooled fields on a limit without model.',
    );
  }
  return { amount, paused };
}
