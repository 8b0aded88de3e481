// AWS's check of a signature, written from the description of Signature Version 4 in the IAM user guide
// and not with the library that signs: canonical request, string to sign, derived key.

import assert from 'node:assert/strict';
import { createHash, createHmac } from 'node:crypto';
import type { SeenRequest } from './upstream.ts';

export interface SignatureCheck {
  readonly secretAccessKey: string;
  readonly accessKeyId: string;
  readonly region: string;
  readonly service: string;
  /** The host that was signed, where a request was diverted. */
  readonly host?: string;
  readonly sessionToken?: string;
  readonly nowMs: number;
}

const SKEW_MS_MAX = 300_000;
const CREDENTIAL = String.raw`Credential=([^/]+)/(\d{8})/([^/]+)/([^/]+)/aws4_request`;
const SIGNED = 'SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})';
const AUTHORIZATION = new RegExp(`^AWS4-HMAC-SHA256 ${CREDENTIAL}, ${SIGNED}$`);

/** @throws AssertionError for anything that AWS would refuse. */
export function checkSignature(seen: SeenRequest, check: SignatureCheck): void {
  const authorization = seen.headers['authorization'] ?? '';
  const parts = AUTHORIZATION.exec(authorization) ?? assert.fail(`no signature: ${authorization}`);
  const [, keyId = '', day = '', region = '', service = '', list = '', signature = ''] = parts;
  assert.deepEqual(
    { keyId, region, service },
    { keyId: check.accessKeyId, region: check.region, service: check.service },
  );
  const at = String(seen.headers['x-amz-date']);
  assert.match(at, /^\d{8}T\d{6}Z$/);
  assert.equal(at.slice(0, 8), day);
  const iso = at.replace(/^(....)(..)(..)T(..)(..)(..)Z$/, '$1-$2-$3T$4:$5:$6Z');
  assert.ok(Math.abs(Date.parse(iso) - check.nowMs) < SKEW_MS_MAX, `${at} is another time`);
  assert.equal(seen.headers['x-amz-security-token'], check.sessionToken);

  const names = list.split(';');
  assert.deepEqual(names, names.toSorted(), 'signed headers are in order');
  for (const name of ['host', ...Object.keys(seen.headers).filter((n) => n.startsWith('x-amz'))]) {
    assert.ok(names.includes(name), `${name} is signed`);
  }
  const payload = sha256(seen.body);
  assert.equal(seen.headers['x-amz-content-sha256'], payload, 'the body is the signed one');
  const value = (name: string) =>
    name === 'host' && check.host !== undefined ? check.host : String(seen.headers[name]);
  const canonical = [
    seen.method,
    canonicalPath(seen.path),
    '',
    ...names.map((name) => `${name}:${value(name).trim().replaceAll(/ +/g, ' ')}`),
    '',
    list,
    payload,
  ].join('\n');
  const scope = `${day}/${region}/${service}/aws4_request`;
  const toSign = ['AWS4-HMAC-SHA256', at, scope, sha256(canonical)].join('\n');
  let key = hmac(`AWS4${check.secretAccessKey}`, day);
  for (const step of [region, service, 'aws4_request']) key = hmac(key, step);
  assert.equal(signature, hmac(key, toSign).toString('hex'), 'the signature is right');
}

/** Every service but S3 encodes the path, as it was sent, once more. */
function canonicalPath(path: string): string {
  assert.ok(!path.includes('?'), 'no query');
  const encode = (text: string) =>
    [...Buffer.from(text)]
      .map((byte) => {
        const char = String.fromCharCode(byte);
        return /[A-Za-z0-9\-._~/]/.test(char)
          ? char
          : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
      })
      .join('');
  return encode(path);
}

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

function hmac(key: string | Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
