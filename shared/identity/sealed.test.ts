import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createRefreshTokens } from './refresh-token.ts';
import { createSealer } from './sealed.ts';
import { sessionKeysFromSecrets } from './signing-keys.ts';

const roots = (...secrets: string[]) => sessionKeysFromSecrets(secrets).rootSecrets;
const OLD = 'an-old-secret-of-the-sealing-tests';
const NEW = 'the-new-secret-of-the-sealing-tests';
const FAMILY = '8c3f1c9e-5a55-4a58-9f0e-0d7c1f2a3b4c';

test('what was sealed opens again, and says nothing on the way', async () => {
  const sealer = createSealer(roots(NEW));
  const text = await sealer.seal('login-state', { code: 'BCDFGHJK' });
  assert.deepEqual(await sealer.open('login-state', text), { code: 'BCDFGHJK' });
  assert.ok(!Buffer.from(text).includes('BCDFGHJK'));
  const header = JSON.parse(Buffer.from(text.split('.')[0] ?? '', 'base64url').toString());
  assert.deepEqual(header, { alg: 'dir', enc: 'A256GCM', kid: roots(NEW)[0]?.kid });
});

test('a text sealed for one purpose does not open as another', async () => {
  const sealer = createSealer(roots(NEW));
  const text = await sealer.seal('login-state', 1);
  assert.equal(await sealer.open('device-approval', text), null);
});

test('texts of the old key open while it is configured, not after', async () => {
  const text = await createSealer(roots(OLD)).seal('refresh-family', 'kept');
  assert.equal(await createSealer(roots(NEW, OLD)).open('refresh-family', text), 'kept');
  assert.equal(await createSealer(roots(NEW)).open('refresh-family', text), null);
});

test('a tampered, cut or foreign text is nothing', async () => {
  const sealer = createSealer(roots(NEW));
  const text = await sealer.seal('login-state', 1);
  const parts = text.split('.');
  const tampered = [...parts.slice(0, 3), `A${parts[3]?.slice(1)}x`, parts[4]].join('.');
  for (const bad of [tampered, text.slice(0, -1), parts.slice(0, 4).join('.'), 'junk', '']) {
    assert.equal(await sealer.open('login-state', bad), null, bad);
  }
});

test('a refresh token names its family and generation, and only we can render it', () => {
  const tokens = createRefreshTokens(roots(NEW));
  const token = tokens.render({ familyId: FAMILY, generation: 7 });
  assert.deepEqual(tokens.parse(token), { familyId: FAMILY, generation: 7 });
  assert.equal(token, tokens.render({ familyId: FAMILY, generation: 7 }));
  assert.equal(createRefreshTokens(roots(OLD)).parse(token), null);
  assert.deepEqual(createRefreshTokens(roots(OLD, NEW)).parse(token)?.generation, 7);
  for (const bad of [token.replace('.7.', '.8.'), token.replace('.7.', '.07.'), `${token}x`, '']) {
    assert.equal(tokens.parse(bad), null, bad);
  }
});
