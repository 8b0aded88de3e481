import assert from 'node:assert/strict';
import { createHmac, generateKeyPairSync } from 'node:crypto';
import { test } from 'node:test';
import type { Clock } from '../domain/clock.ts';
import { createSessionMinter, createSessionVerifier, SESSION_AUDIENCE } from './session-token.ts';
import {
  type SessionKeys,
  sessionKeysFromPrivateKeys,
  sessionKeysFromSecrets,
  verificationKeysFromJwks,
} from './signing-keys.ts';

const ISSUER = 'https://gw.example.com';
const START_MS = 1_795_521_600_000;
const CLAIMS = {
  sub: 'dev',
  email: 'dev@example.com',
  name: 'Dev One',
  groups: ['eng'],
  sessionId: 's-1',
  billingGroupTag: null,
};

function createClock(): Clock & { atMs: number } {
  const clock = { atMs: START_MS, now: () => clock.atMs };
  return clock;
}

function open(keys: Pick<SessionKeys, 'signing' | 'verification'>, issuer: string | null = ISSUER) {
  const clock = createClock();
  const audience = SESSION_AUDIENCE;
  return {
    clock,
    minter: createSessionMinter({ key: keys.signing, audience, clock }),
    verifier: createSessionVerifier({ keys: keys.verification, issuer, audience, clock }),
  };
}

const SECRET = 'the-first-session-secret-of-this-test';
const hmacKeys = sessionKeysFromSecrets([SECRET, 'the-second-session-secret-of-this-test']);

function forge(header: object, payload: object, secret = SECRET): string {
  const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
  const body = `${part(header)}.${part(payload)}`;
  return `${body}.${createHmac('sha256', secret).update(body).digest('base64url')}`;
}

const HEADER = { alg: 'HS256', typ: 'JWT', kid: hmacKeys.signing.kid };
const PAYLOAD = { sub: 'dev', aud: SESSION_AUDIENCE, iss: ISSUER, exp: START_MS / 1000 + 60 };

const ed25519 = () =>
  generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
const p256 = () =>
  JSON.stringify(
    generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' }),
  );

test('a minted HS256 token has the header and claims of the reference, and sid', async () => {
  const { minter } = open(hmacKeys);
  const [header, payload] = (await minter.mint(CLAIMS, ISSUER, 3600)).split('.', 2).map((part) => {
    return JSON.parse(Buffer.from(part, 'base64url').toString());
  });
  assert.deepEqual(header, { alg: 'HS256', typ: 'JWT', kid: hmacKeys.signing.kid });
  assert.match(header.kid, /^[0-9a-f]{16}$/);
  assert.deepEqual(payload, {
    sub: 'dev',
    email: 'dev@example.com',
    name: 'Dev One',
    groups: ['eng'],
    sid: 's-1',
    aud: 'claude-gateway',
    iat: START_MS / 1000,
    exp: START_MS / 1000 + 3600,
    iss: ISSUER,
  });
});

test('a token is good to the last millisecond and not one longer, cached or not', async () => {
  const { clock, minter, verifier } = open(hmacKeys);
  const token = await minter.mint(CLAIMS, ISSUER, 60);
  const unseen = await minter.mint({ ...CLAIMS, sub: 'other' }, ISSUER, 60);
  clock.atMs = START_MS + 59_999;
  assert.equal((await verifier.verify(token, ISSUER))?.sessionId, 's-1');
  clock.atMs = START_MS + 60_000;
  assert.equal(await verifier.verify(token, ISSUER), null);
  assert.equal(await verifier.verify(unseen, ISSUER), null);
});

test('every configured secret verifies, only the first signs', async () => {
  const old = sessionKeysFromSecrets(['the-second-session-secret-of-this-test']);
  const token = await open(old).minter.mint(CLAIMS, ISSUER, 60);
  assert.equal((await open(hmacKeys).verifier.verify(token, ISSUER))?.sub, 'dev');
});

test('what is not a live session of ours is nobody', async () => {
  const { verifier } = open(hmacKeys);
  const future = START_MS / 1000 + 30;
  const refused = {
    'no kid': forge({ alg: 'HS256' }, PAYLOAD),
    'unknown kid': forge({ ...HEADER, kid: '0000000000000000' }, PAYLOAD),
    'kid of the other secret': forge({ ...HEADER, kid: hmacKeys.verification[1]?.kid }, PAYLOAD),
    'alg none': `${forge({ ...HEADER, alg: 'none' }, PAYLOAD)
      .split('.')
      .slice(0, 2)
      .join('.')}.`,
    'alg HS512': forge({ ...HEADER, alg: 'HS512' }, PAYLOAD),
    'wrong audience': forge(HEADER, { ...PAYLOAD, aud: 'other' }),
    'no audience': forge(HEADER, { ...PAYLOAD, aud: undefined }),
    'wrong issuer': forge(HEADER, { ...PAYLOAD, iss: 'https://evil.test' }),
    'no issuer': forge(HEADER, { ...PAYLOAD, iss: undefined }),
    expired: forge(HEADER, { ...PAYLOAD, exp: START_MS / 1000 - 1 }),
    'exp as text': forge(HEADER, { ...PAYLOAD, exp: '99999999999' }),
    'not yet': forge(HEADER, { ...PAYLOAD, nbf: future }),
    nobody: forge(HEADER, { ...PAYLOAD, sub: '' }),
    'wrong signature': `${forge(HEADER, PAYLOAD).slice(0, -3)}AAA`,
    junk: 'junk',
    nothing: '',
  };
  for (const [what, token] of Object.entries(refused)) {
    assert.equal(await verifier.verify(token, ISSUER), null, what);
  }
});

test('what the reference does not ask for is not asked for', async () => {
  const { verifier } = open(hmacKeys);
  const token = forge(
    { alg: 'HS256', kid: HEADER.kid },
    { ...PAYLOAD, exp: undefined, iat: START_MS, groups: 'eng', aud: ['x', SESSION_AUDIENCE] },
  );
  const principal = await verifier.verify(token, ISSUER);
  assert.deepEqual([principal?.email, principal?.groups], [null, ['eng']]);
});

test('without a public_url the issuer is the origin that was asked, cached or not', async () => {
  const { verifier } = open(hmacKeys, null);
  const token = forge(HEADER, { ...PAYLOAD, iss: 'http://127.0.0.1:8080' });
  const ask = async (origin: string) => (await verifier.verify(token, origin))?.sub ?? null;
  assert.equal(await ask('http://localhost:8080'), null);
  assert.equal(await ask('http://127.0.0.1:8080'), 'dev');
  assert.equal(await ask('http://localhost:8080'), null);
  assert.equal(await ask('http://127.0.0.1:8080'), 'dev');
  const none = forge(HEADER, { ...PAYLOAD, iss: undefined });
  assert.equal(await verifier.verify(none, 'http://127.0.0.1:8080'), null);
});

test('with a public_url it does not matter how the gateway was reached', async () => {
  const { verifier } = open(hmacKeys);
  assert.equal((await verifier.verify(forge(HEADER, PAYLOAD), 'http://10.0.0.1'))?.sub, 'dev');
});

for (const [name, draw] of [
  ['EdDSA', ed25519],
  ['ES256', p256],
] as const) {
  test(`${name}: the public keys alone verify and cannot mint`, async () => {
    const keys = await sessionKeysFromPrivateKeys([draw(), draw()]);
    const { minter } = open(keys);
    const token = await minter.mint(CLAIMS, ISSUER, 60);
    const published = JSON.parse(JSON.stringify(keys.jwks));
    assert.ok(published.keys.every((jwk: object) => !('d' in jwk)));
    const verification = await verificationKeysFromJwks(published);
    const { verifier } = open({ ...keys, verification });
    assert.equal((await verifier.verify(token, ISSUER))?.sub, 'dev');
    const stranger = open(await sessionKeysFromPrivateKeys([draw()]));
    assert.equal(await stranger.verifier.verify(token, ISSUER), null);
  });
}

test('a public key is never taken for an HMAC secret', async () => {
  const keys = await sessionKeysFromPrivateKeys([ed25519()]);
  const [jwk] = keys.jwks?.keys ?? [];
  const header = { alg: 'HS256', kid: keys.signing.kid };
  const token = forge(header, PAYLOAD, JSON.stringify(jwk));
  assert.equal(await open(keys).verifier.verify(token, ISSUER), null);
});
