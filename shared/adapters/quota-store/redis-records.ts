// What the scripts are given and what they answer, as texts: amounts and instants are decimal, an
// account has neither space nor line break.

import type { AccountId } from '#shared/domain/account.ts';
import type { Cap, CapTable } from '#shared/domain/cap.ts';
import { microUsd } from '#shared/domain/money.ts';
import { bucketsAt, PERIODS, type Period } from '#shared/domain/period.ts';
import type {
  AccountSpend,
  Admission,
  AdmitRequest,
  Correction,
  Limit,
  OutboxEntry,
  Reservation,
  Revocation,
  SessionRef,
  SettleRequest,
  Standing,
} from '#shared/domain/quota.ts';
import { ORPHAN_MEMORY_MS } from '#shared/domain/quota-machine.ts';
import { isSpent } from '#shared/domain/quota-room.ts';

/** As Lua counts. */
const PERIOD_PLACES: Readonly<Record<Period, string>> = { daily: '1', weekly: '2', monthly: '3' };

interface PublishedCaps extends Pick<CapTable, 'version'>, Partial<Pick<CapTable, 'budgets'>> {
  readonly caps: readonly (Omit<Cap, 'model'> & Partial<Pick<Cap, 'model'>>)[];
}

export function admitArgs(request: AdmitRequest): string[] {
  const { id, nowMs, session, capsVersion, accounts, limits, pools } = request;
  const args = [id, String(nowMs), ...sessionArgs(session), String(capsVersion)];
  args.push(...bucketArgs(nowMs), String(request.reserveMicroUsd), String(request.reserveUntilMs));
  args.push(request.draft, String(accounts.length), String(limits.length));
  for (const account of accounts) args.push(encodeAccount(account));
  pushLimits(args, limits);
  for (const pool of pools) {
    args.push(encodeAccount(pool.account), String(pool.limits.length));
    pushLimits(args, pool.limits);
  }
  return args;
}

function pushLimits(args: string[], limits: readonly Limit[]): void {
  for (const { account, period, capMicroUsd } of limits) {
    args.push(encodeAccount(account), PERIOD_PLACES[period], String(capMicroUsd));
  }
}

export function readAdmission(reply: unknown, request: AdmitRequest): Admission | 'forgotten' {
  const [outcome, place = 0, ...numbers] = reply as [string, ...number[]];
  switch (outcome) {
    case 'forgotten':
    case 'revoked':
      return outcome === 'revoked' ? { outcome } : outcome;
    case 'stale':
      return { outcome, capsVersion: place };
    case 'admitted':
    case 'busy':
    case 'blocked': {
      const pool = request.pools[place - 1];
      const limits = pool === undefined ? request.limits : [...request.limits, ...pool.limits];
      const standings = readStandings(numbers, limits);
      if (outcome === 'admitted') return { outcome, standings, pool: pool?.account ?? null };
      if (outcome === 'busy') return { outcome, standings };
      return { outcome, standings, breached: standings.filter(isSpent) };
    }
    default:
      throw new TypeError(`not an answer of admit.lua: ${outcome}`);
  }
}

function readStandings(numbers: readonly number[], limits: readonly Limit[]): Standing[] {
  return limits.map((limit, place) => ({
    limit,
    spentMicroUsd: microUsd(numbers[2 * place] ?? Number.NaN),
    reservedMicroUsd: microUsd(numbers[2 * place + 1] ?? Number.NaN),
  }));
}

/** Tables that an older version published have neither budgets nor caps on a model. */
export function readCaps(text: string): CapTable {
  const { version, caps, budgets = [] } = JSON.parse(text) as PublishedCaps;
  return { version, caps: caps.map((cap) => ({ ...cap, model: cap.model ?? null })), budgets };
}

export function settleArgs(request: SettleRequest): string[] {
  const { id, nowMs, chargedAtMs, accounts, amountMicroUsd, event, orphan } = request;
  return [
    ...[id, String(nowMs), String(chargedAtMs), ...bucketArgs(chargedAtMs), String(amountMicroUsd)],
    orphan === true ? String(nowMs + ORPHAN_MEMORY_MS) : '',
    ...[event, ...accounts.map(encodeAccount)],
  ];
}

/** Field of the session in `revoked`, sub, when the session was issued. */
export function sessionArgs({ sub, sessionId, issuedAtMs }: SessionRef): string[] {
  return [sessionId === null ? 'none' : `s:${sessionId}`, sub, String(issuedAtMs)];
}

export function revokeArgs(revocation: Revocation): string[] {
  const untilMs = String(revocation.untilMs);
  if (revocation.type === 'session') return [`s:${revocation.sessionId}`, untilMs];
  const { sub, issuedBeforeMs } = revocation;
  return [`u:${sub}`, untilMs, `b:${sub}`, String(issuedBeforeMs)];
}

export function spendArgs(accounts: readonly AccountId[], nowMs: number): string[] {
  return [...bucketArgs(nowMs), ...accounts.map(encodeAccount)];
}

/** One line of accounts.lua. */
export function readSpend(account: AccountId, line: string): AccountSpend[] {
  const words = line.split(' ');
  const number = (place: number) => microUsd(Number(words[place]));
  return PERIODS.map((period, place) => ({
    account,
    period,
    bucket: words[place] ?? '',
    ledgeredMicroUsd: number(2 * place + 3),
    pendingMicroUsd: number(2 * place + 4),
    reservedMicroUsd: number(9),
    sequence: number(10),
  }));
}

export function correctArgs(corrections: readonly Correction[], nowMs: number): string[] {
  const args = bucketArgs(nowMs);
  for (const { account, period, bucket, ledgeredMicroUsd, sequence } of corrections) {
    args.push(encodeAccount(account), PERIOD_PLACES[period], bucket);
    args.push(String(ledgeredMicroUsd), String(sequence));
  }
  return args;
}

/** The text that settle.lua keeps. */
export function readEntry(id: string, text: string): OutboxEntry {
  const [line, event] = cutLine(text);
  const [amount, chargedAt, settledAt, _day, _week, _month, ...accounts] = line.split(' ');
  return {
    id,
    accounts: accounts.map(decodeAccount),
    amountMicroUsd: microUsd(Number(amount)),
    chargedAtMs: Number(chargedAt),
    settledAtMs: Number(settledAt),
    event,
  };
}

/** The text that admit.lua keeps. */
export function readReservation(id: string, text: string): Reservation {
  const [line, draft] = cutLine(text);
  const [amount, expiresAt, ...accounts] = line.split(' ');
  return {
    id,
    accounts: accounts.map(decodeAccount),
    amountMicroUsd: microUsd(Number(amount)),
    expiresAtMs: Number(expiresAt),
    draft,
  };
}

/** What a script answers as {id, text, id, text, …}. */
export function readPairs<T>(reply: unknown, read: (id: string, text: string) => T): T[] {
  const texts = reply as string[];
  const found: T[] = [];
  for (let i = 0; i + 1 < texts.length; i += 2)
    found.push(read(texts[i] ?? '', texts[i + 1] ?? ''));
  return found;
}

function bucketArgs(atMs: number): string[] {
  const { daily, weekly, monthly } = bucketsAt(atMs);
  return [daily, weekly, monthly];
}

function encodeAccount(account: AccountId): string {
  return account.replace(/[ \n%]/g, encodeURIComponent);
}

function decodeAccount(word: string): AccountId {
  return decodeURIComponent(word) as AccountId;
}

function cutLine(text: string): [line: string, rest: string] {
  const end = text.indexOf('\n');
  return [text.slice(0, end), text.slice(end + 1)];
}
