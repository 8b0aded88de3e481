import assert from 'node:assert/strict';
import { createHash, generateKeyPairSync, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { after, before, test } from 'node:test';
import { decodeJwt, decodeProtectedHeader, exportJWK, type JWTPayload, SignJWT } from 'jose';
import { createOidcClient } from './oidc-client.ts';
import type { OidcOptions } from './oidc-options.ts';

// A certificate alone: only its thumbprints are used. Its key was never kept.
const CERTIFICATE = [
  '-----BEGIN CERTIFICATE-----',
  'MIIBiTCCAS+gAwIBAgIUEQ4/8LAy1OhL0aURy0ehetfXKoUwCgYIKoZIzj0EAwIw',
  'GTEXMBUGA1UEAwwOdGFsbHlnYXRlLXRlc3QwIBcNMjYxMTI0MDUxNDI3WhgPMjEy',
  'NjEwMzEwNTE0MjdaMBkxFzAVBgNVBAMMDnRhbGx5Z2F0ZS10ZXN0MFkwEwYHKoZI',
  'zj0CAQYIKoZIzj0DAQcDQgAEZeMrUqNDqe26rjjacDAGKw/JZWyT+QaFm309CFTs',
  'Puc1Joi3CCXEfvqNxiW4X5Rwb7zlFOfJhnGUdQsDa+l5nqNTMFEwHQYDVR0OBBYE',
  'FGtg4WYL+T9ZqO12eVrlqzSUmTa4MB8GA1UdIwQYMBaAFGtg4WYL+T9ZqO12eVrl',
  'qzSUmTa4MA8GA1UdEwEB/wQFMAMBAf8wCgYIKoZIzj0EAwIDSAAwRQIgazI/3v1E',
  't5PvtaOygBouHs0DYuxldwRcbZFR69iRzTACIQDgFzfRzBXfaE+07DcEtxZQ1l0P',
  '3/LHA70WaxE/VvVngg==',
  '-----END CERTIFICATE-----',
].join('\n');

const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
let issuer = '';
let asked: URLSearchParams[] = [];
let idToken: JWTPayload | null = null;
let userinfo: object | null = null;

/** As little of a provider as it takes to see what it is sent. */
const provider = createServer(async (req, res) => {
  const send = (status: number, body: object) =>
    res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
  if (req.url === '/jwks') {
    return send(200, { keys: [{ ...(await exportJWK(publicKey)), alg: 'RS256' }] });
  }
  if (req.url === '/me') return send(userinfo === null ? 500 : 200, userinfo ?? {});
  if (req.url !== '/token') {
    const [authorization_endpoint, token_endpoint] = [`${issuer}/auth`, `${issuer}/token`];
    const [jwks_uri, userinfo_endpoint] = [`${issuer}/jwks`, `${issuer}/me`];
    const endpoints = { authorization_endpoint, token_endpoint, jwks_uri, userinfo_endpoint };
    return send(200, { issuer, ...endpoints });
  }
  let body = '';
  for await (const chunk of req) body += chunk;
  asked.push(new URLSearchParams(body));
  const tokens = { access_token: 'at', token_type: 'Bearer', refresh_token: 'rt-2' };
  return send(200, idToken === null ? tokens : { ...tokens, id_token: await signed(idToken) });
});

function signed(claims: JWTPayload): Promise<string> {
  return new SignJWT({ iss: issuer, aud: 'client', ...claims })
    .setProtectedHeader({ alg: 'RS256' })
    .setIssuedAt()
    .setExpirationTime('5m')
    .sign(privateKey);
}

before(async () => {
  provider.listen(0, '127.0.0.1');
  await once(provider, 'listening');
  issuer = `http://127.0.0.1:${(provider.address() as AddressInfo).port}`;
});
after(() => {
  provider.close();
  provider.closeAllConnections();
});

function open(change: Partial<OidcOptions> = {}) {
  [asked, idToken, userinfo] = [[], null, null];
  const rules = { allowedEmailDomains: [], allowedGroups: [], groupsClaim: 'groups' };
  const options: OidcOptions = {
    issuer,
    clientId: 'client',
    clientSecret: 'secret',
    clientAssertion: null,
    tokenEndpointAuthMethod: 'client_secret_basic',
    scopes: ['openid', 'email'],
    scopeOnRefresh: false,
    extraAuthParams: {},
    usePkce: true,
    clockSkewSeconds: 0,
    idTokenAlg: 'RS256',
    additionalAuthorizedParties: [],
    discoveryUrl: null,
    userinfoFallback: false,
    useProxy: false,
    caCertPem: null,
    formActionOrigins: [],
    claims: { ...rules, emailClaims: ['email'], userIdClaim: null },
    timeoutSeconds: 5,
    ...change,
  };
  return createOidcClient(options, { now: () => 0 });
}

const REQUEST = {
  redirectUri: 'https://gw/cb',
  state: 's',
  nonce: 'n',
  codeVerifier: 'v'.repeat(43),
};

test('private_key_jwt signs an assertion of five minutes for the token endpoint', async () => {
  const pem = privateKey.export({ format: 'pem', type: 'pkcs1' }).toString();
  const clientAssertion = { privateKeyPem: pem, certificatePem: CERTIFICATE };
  const tokenEndpointAuthMethod = 'private_key_jwt';
  const client = open({ clientSecret: null, clientAssertion, tokenEndpointAuthMethod });
  idToken = { sub: 'dev' };
  assert.equal((await client.refresh('rt-1', 'dev')).outcome, 'claims');
  const assertion = asked[0]?.get('client_assertion') ?? '';
  const thumbprint = createHash('sha256').update(new X509Certificate(CERTIFICATE).raw);
  const header = decodeProtectedHeader(assertion);
  assert.deepEqual([header.alg, header.typ], ['RS256', 'JWT']);
  assert.equal(header['x5t#S256'], thumbprint.digest('base64url'));
  assert.equal(header.x5t?.length, 27);
  const { iss, sub, aud, iat = 0, exp = 0 } = decodeJwt(assertion);
  assert.deepEqual([iss, sub, aud, exp - iat], ['client', 'client', `${issuer}/token`, 300]);
});

test('the scope goes along with a refresh only where it is asked for', async () => {
  for (const [scopeOnRefresh, scope] of [
    [false, null],
    [true, 'openid email'],
  ] as const) {
    await open({ scopeOnRefresh }).refresh('rt-1', 'dev');
    assert.equal(asked[0]?.get('scope'), scope);
  }
});

test('without PKCE no challenge is sent; extra parameters are', async () => {
  const client = open({ usePkce: false, extraAuthParams: { prompt: 'login', state: 'mine' } });
  const { searchParams } = await client.authorizationUrl(REQUEST);
  assert.equal(searchParams.get('code_challenge'), null);
  assert.deepEqual([searchParams.get('prompt'), searchParams.getAll('state')], ['login', ['s']]);
});

test('without an ID token userinfo answers, if it may; else the refresh is refused', async () => {
  assert.equal((await open().refresh('rt-1', 'dev')).outcome, 'refused');
  const client = open({ userinfoFallback: true });
  userinfo = { sub: 'dev', email: 'ui@example.com' };
  const answer = await client.refresh('rt-1', 'dev');
  assert.ok(answer.outcome === 'claims' && answer.claims.email === 'ui@example.com');
  assert.notEqual((await client.refresh('rt-1', 'other')).outcome, 'claims');
});

test('a refresh token that came before userinfo failed is not lost', async () => {
  const answer = await open({ userinfoFallback: true }).refresh('rt-1', 'dev');
  assert.ok(answer.outcome === 'unavailable' && answer.refreshToken === 'rt-2');
});

test('an ID token for another party is refused unless that party is allowed', async () => {
  for (const [parties, outcome] of [
    [[], 'refused'],
    [['app'], 'claims'],
  ] as const) {
    const client = open({ additionalAuthorizedParties: parties });
    idToken = { sub: 'dev', azp: 'app' };
    assert.equal((await client.refresh('rt-1', 'dev')).outcome, outcome);
  }
});
