// The Lua scripts by name, with the keys they declare. All keys stand under one hash tag, so that
// on Redis Cluster they share a slot, and their number is fixed: accounts are fields, not keys,
// since whoever releases or applies knows an id and not whose it is. No script touches a key that
// it was not given.

import { readFileSync } from 'node:fs';
import type { Redis } from 'ioredis';

const KEYS = {
  accounts: 'accounts',
  reservations: 'reservations',
  expiry: 'reservation-expiry',
  outbox: 'outbox',
  outboxTime: 'outbox-time',
  orphans: 'orphans',
  caps: 'caps',
  revoked: 'revoked',
  revokedUntil: 'revoked-until',
  whole: 'whole',
} as const;

export type RedisKey = keyof typeof KEYS;

interface ScriptSpec {
  readonly file: string;
  /** Files put before it, in this order. */
  readonly after: readonly string[];
  readonly keys: readonly RedisKey[];
}

const HELD = ['accounts', 'reservations', 'expiry'] as const;
const WITH_RESERVATIONS = ['accounts', 'reservations'] as const;

const SCRIPTS = {
  quotaAdmit: {
    file: 'admit',
    after: [...WITH_RESERVATIONS, 'revocations', 'room'],
    keys: [...HELD, 'outbox', 'orphans', 'caps', 'revoked', 'whole'],
  },
  quotaSettle: {
    file: 'settle',
    after: WITH_RESERVATIONS,
    keys: [...HELD, 'outbox', 'outboxTime', 'orphans'],
  },
  quotaRelease: { file: 'release', after: WITH_RESERVATIONS, keys: HELD },
  quotaExtend: { file: 'extend', after: WITH_RESERVATIONS, keys: HELD },
  quotaApply: { file: 'apply', after: ['accounts'], keys: ['accounts', 'outbox', 'outboxTime'] },
  quotaOutbox: { file: 'outbox', after: [], keys: ['outbox', 'outboxTime'] },
  quotaExpired: {
    file: 'expired',
    after: [],
    keys: ['reservations', 'expiry', 'orphans', 'revoked', 'revokedUntil'],
  },
  quotaSpend: { file: 'spend', after: ['accounts'], keys: ['accounts'] },
  quotaCorrect: { file: 'correct', after: ['accounts'], keys: ['accounts'] },
  quotaPublishCaps: { file: 'publish-caps', after: [], keys: ['caps'] },
  quotaRevoke: { file: 'revoke', after: [], keys: ['revoked', 'revokedUntil'] },
  quotaIsRevoked: { file: 'is-revoked', after: ['revocations'], keys: ['whole', 'revoked'] },
} as const satisfies Record<string, ScriptSpec>;

export type ScriptName = keyof typeof SCRIPTS;

/** A client that was opened with these scripts: each is a method, its keys before its arguments. */
export type ScriptedRedis = Redis & Record<ScriptName, (...args: string[]) => Promise<unknown>>;

/** For ioredis, which sends a script once per connection and its digest after that. */
export const REDIS_SCRIPTS = mapScripts(({ file, after, keys }) => ({
  lua: [...after, file].map(readLua).join('\n'),
  numberOfKeys: keys.length,
}));

export interface RedisKeys {
  readonly one: (key: RedisKey) => string;
  /** The keys of each script, in its order. */
  readonly of: Readonly<Record<ScriptName, readonly string[]>>;
}

/** @param prefix names the store on its server: stores with different ones never meet. */
export function redisKeys(prefix: string): RedisKeys {
  const one = (key: RedisKey) => `{${prefix}}:${KEYS[key]}`;
  return { one, of: mapScripts(({ keys }) => keys.map(one)) };
}

function mapScripts<T>(make: (spec: ScriptSpec) => T): Record<ScriptName, T> {
  const entries = Object.entries(SCRIPTS).map(([name, spec]) => [name, make(spec)]);
  return Object.fromEntries(entries) as Record<ScriptName, T>;
}

function readLua(file: string): string {
  return readFileSync(new URL(`./redis-lua/${file}.lua`, import.meta.url), 'utf8');
}
