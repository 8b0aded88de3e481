import assert from 'node:assert/strict';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { describe, test } from 'node:test';
import type { Principal } from '#shared/domain/principal.ts';
import type { Exchange } from '#shared/http/route.ts';
import { createMemoryLog } from '../../../test/support/log.ts';
import { type AdminSettings, authenticate } from './authentication.ts';

const READ = 'r'.repeat(32);
const WRITE = 'w'.repeat(32);
const SETTINGS: AdminSettings = {
  readKeys: [{ id: 'reader', key: READ }],
  writeKeys: [{ id: 'writer', key: WRITE }],
  adminGroups: ['admins'],
  groupLimitMode: 'min',
};

function principal(sub: string, groups: readonly string[]): Principal {
  const times = { issuedAtMs: 1, expiresAtMs: 2 };
  return { sub, email: null, name: null, groups, sessionId: `s-${sub}`, ...times };
}

const SESSIONS: Readonly<Record<string, Principal>> = {
  admin: principal('adm', ['eng', 'admins']),
  other: principal('dev', ['eng', 'ADMINS']),
  revoked: principal('gone', ['admins']),
};

async function ask(headers: Record<string, string>, method = 'GET') {
  const log = createMemoryLog();
  const exchange: Exchange = {
    req: { headers, method } as unknown as IncomingMessage,
    res: {} as unknown as ServerResponse,
    requestId: 'r',
    clientIp: '192.0.2.1',
    url: new URL('http://gw/v1/organizations/spend_limits'),
    params: {},
    receivedAtMs: 0,
  };
  const deps = {
    verify: async (token: string) => SESSIONS[token] ?? null,
    quota: { isRevoked: async ({ sub }: { sub: string }) => sub === 'gone' },
    log,
  };
  try {
    return { who: await authenticate(deps, SETTINGS, exchange), log };
  } catch (error) {
    return { error, log };
  }
}

describe('an administrator', () => {
  for (const [name, headers, actor, canWrite] of [
    ['a read key', { 'x-api-key': READ }, 'admin-key:reader', false],
    ['a write key', { 'x-api-key': WRITE }, 'admin-key:writer', true],
    ['a session of an admin group', { authorization: 'Bearer admin' }, 'oidc:adm', true],
    [
      'a key beside a session: the key counts',
      { 'x-api-key': READ, authorization: 'Bearer admin' },
      'admin-key:reader',
      false,
    ],
  ] as const) {
    test(name, async () => {
      assert.deepEqual((await ask({ ...headers })).who, { actor, canWrite });
    });
  }
});

describe('everybody else is refused and audited', () => {
  for (const [name, headers, reason] of [
    ['nobody', {}, 'no_credentials'],
    ['a key that is one character short', { 'x-api-key': WRITE.slice(1) }, 'invalid_key'],
    ['an empty key', { 'x-api-key': '' }, 'invalid_key'],
    [
      'a bad key with a good session',
      { 'x-api-key': 'x', authorization: 'Bearer admin' },
      'invalid_key',
    ],
    ['a key as a bearer', { authorization: `Bearer ${WRITE}` }, 'bearer_rejected'],
    [
      'a session of another group, whatever its case',
      { authorization: 'Bearer other' },
      'bearer_rejected',
    ],
    ['a revoked session', { authorization: 'Bearer revoked' }, 'bearer_rejected'],
    ['another scheme', { authorization: 'bearer admin' }, 'bearer_rejected'],
  ] as const) {
    test(name, async () => {
      const { error, log } = await ask({ ...headers });
      assert.ok(error instanceof Error);
      assert.equal(error.message, 'missing or invalid admin credentials');
      assert.deepEqual(log.lines, [
        {
          level: 'audit',
          message: 'admin.denied',
          fields: {
            reason,
            method: 'GET',
            path: '/v1/organizations/spend_limits',
            client_ip: '192.0.2.1',
          },
        },
      ]);
    });
  }

  test('a read key that writes', async () => {
    const { error, log } = await ask({ 'x-api-key': READ }, 'DELETE');
    assert.ok(error instanceof Error);
    assert.equal(error.message, 'requires write:spend_limits');
    assert.equal(log.lines[0]?.fields['reason'], 'read_only');
  });
});
