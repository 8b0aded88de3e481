import { createPrivateKey, X509Certificate } from 'node:crypto';

/** True for a PEM private key that can be read without a passphrase. */
export function isPrivateKeyPem(pem: string): boolean {
  return attempt(() => createPrivateKey(pem).type === 'private');
}

/** True for one or more PEM certificates. */
export function isCertificatePem(pem: string): boolean {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? [];
  return blocks.length > 0 && blocks.every((block) => attempt(() => new X509Certificate(block)));
}

/** True when the certificate was issued for this key. */
export function isKeyOfCertificate(keyPem: string, certificatePem: string): boolean {
  return attempt(() =>
    new X509Certificate(certificatePem).checkPrivateKey(createPrivateKey(keyPem)),
  );
}

/** True for an Ed25519 (EdDSA) or P-256 (ES256) private key, as PEM or as the text of a JWK. */
export function isSessionSigningKey(text: string): boolean {
  return attempt(() => {
    const key = text.trimStart().startsWith('{')
      ? createPrivateKey({ key: JSON.parse(text), format: 'jwk' })
      : createPrivateKey(text);
    if (key.asymmetricKeyType === 'ed25519') return true;
    return key.asymmetricKeyDetails?.namedCurve === 'prime256v1';
  });
}

function attempt(read: () => unknown): boolean {
  try {
    return Boolean(read());
  } catch {
    return false;
  }
}
