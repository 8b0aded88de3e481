// The body of POST /v1/organizations/spend_limits. Messages are those of the reference, to the
// letter: scripts show them. Only the first fault is named, in the order of the fields below.

import type { CapScope } from '#shared/domain/cap.ts';
import { PERIODS, type Period } from '#shared/domain/period.ts';
import { AppError } from '#shared/errors/app-error.ts';

export interface CapBody {
  readonly scope: CapScope;
  /** Whole cents, canonical; null: unlimited. */
  readonly amount: string | null;
  readonly period: Period;
  readonly reason: string | null;
}

const AMOUNT_MAX = 9_223_372_036_854_775_807n;
const REASON_LENGTH_MAX = 1000;
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is refused
const CONTROL = /[\u0000-\u001f\u007f]/;

/** @throws AppError `invalid_request` that names the field. Unknown fields are ignored. */
export function parseCapBody(value: unknown): CapBody {
  const body = record('', value);
  const scope = parseScope(body['scope']);
  const amount = parseAmount(body['amount']);
  const period = parsePeriod(body['period']);
  if (body['currency'] !== undefined && body['currency'] !== 'USD') {
    throw fault('currency', 'Invalid literal value, expected "USD"');
  }
  if (body['pooled_budget'] !== undefined && body['pooled_budget'] !== null) {
    throw fault('pooled_budget', 'budgets that a group shares are not available in this version');
  }
  return { scope, amount, period, reason: parseReason(body['reason']) };
}

/** Why a cap was changed; kept in the audit trail. */
export function parseReason(value: unknown): string | null {
  if (value === undefined || value === null) return null;
  const reason = text('reason', value);
  if (reason.length > REASON_LENGTH_MAX) {
    throw fault('reason', `String must contain at most ${REASON_LENGTH_MAX} character(s)`);
  }
  return reason;
}

function parseScope(value: unknown): CapScope {
  if (value === undefined) throw fault('scope', 'Required');
  const scope = record('scope', value);
  switch (scope['type']) {
    case 'user':
      return { type: 'user', userId: identifier('scope.user_id', scope['user_id']) };
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

function parseAmount(value: unknown): string | null {
  if (value === null) return null;
  const digits = text('amount', value);
  if (!/^\d+$/.test(digits)) {
    throw fault('amount', 'must be a whole-number decimal string of cents');
  }
  const canonical = digits.replace(/^0+(?=\d)/, '');
  if (canonical.length > 19 || BigInt(canonical) > AMOUNT_MAX) {
    throw fault('amount', `must be at most ${AMOUNT_MAX}`);
  }
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

function identifier(path: string, value: unknown): string {
  const id = text(path, value);
  if (id === '') throw fault(path, 'String must contain at least 1 character(s)');
  if (CONTROL.test(id)) throw fault(path, 'must not contain control characters');
  return id;
}

function text(path: string, value: unknown): string {
  if (value === undefined) throw fault(path, 'Required');
  if (typeof value !== 'string') throw fault(path, `Expected string, received ${typeName(value)}`);
  return value;
}

function record(path: string, value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw fault(path, `Expected object, received ${typeName(value)}`);
  }
  return value as Readonly<Record<string, unknown>>;
}

function typeName(value: unknown): string {
  if (value === null) return 'null';
  return Array.isArray(value) ? 'array' : typeof value;
}

function fault(path: string, message: string): AppError {
  return new AppError('invalid_request', path === '' ? message : `${path}: ${message}`);
}
