import { innerPlace } from './loopback.ts';
import { isCertificatePem, isKeyOfCertificate, isPrivateKeyPem } from './pem.ts';
import { listAt, mapAt, textAt, valueAt } from './raw-tree.ts';
import type { Rule, RuleContext } from './rule.ts';

const MANAGED_PARAMS = [
  'redirect_uri',
  'state',
  'nonce',
  'scope',
  'response_type',
  'response_mode',
  'client_id',
];

/** Rules over `listen`, `oidc` and `session`. */
export const identityRules: readonly Rule[] = [
  publicUrlIsKnown,
  tlsFilesAreReadable,
  oidcIsThere,
  clientProvesItself,
  assertionKeyFits,
  protocolParamsAreOurs,
  groupsAreNotBlank,
];

function publicUrlIsKnown({ tree, refuse }: RuleContext): void {
  const host = textAt(tree, 'listen', 'host') ?? '0.0.0.0';
  const isEveryInterface = /^(0+(\.0+)*|\[?::\]?)$/.test(host);
  const isLoopback = !isEveryInterface && innerPlace(host) === 'loopback';
  if (isLoopback || valueAt(tree, 'listen', 'public_url') !== undefined) return;
  refuse(
    'listen.public_url',
    `nothing, with listen.host ${host}`,
    'the origin that clients see, like https://tallygate.example.com (only with a loopback host ' +
      'may it come from the Host header, which clients control)',
  );
}

function tlsFilesAreReadable({ tree, readFile, refuse }: RuleContext): void {
  const check = (key: string, isPem: (pem: string) => boolean, accepted: string): void => {
    const path = textAt(tree, 'listen', 'tls', key);
    if (path === undefined || path.includes('-----BEGIN')) return;
    const content = contentOf(path, readFile);
    if (content !== undefined && isPem(content)) return;
    const found = content === undefined ? 'a file that cannot be read' : 'a file of something else';
    refuse(`listen.tls.${key}`, `${JSON.stringify(path)}, ${found}`, accepted);
  };
  check('cert', isCertificatePem, 'the path of a certificate in PEM');
  check('key', isPrivateKeyPem, 'the path of a private key in PEM without a passphrase');
}

function oidcIsThere({ tree, refuse }: RuleContext): void {
  if (valueAt(tree, 'oidc') !== undefined) return;
  refuse('oidc', 'nothing', 'the identity provider: issuer, client_id and client_secret');
}

function clientProvesItself({ tree, refuse }: RuleContext): void {
  const oidc = mapAt(tree, 'oidc');
  if (Object.keys(oidc).length === 0) return;
  const hasSecret = oidc['client_secret'] !== undefined;
  const hasAssertion = oidc['client_assertion'] !== undefined;
  if (oidc['token_endpoint_auth_method'] !== 'private_key_jwt') {
    if (!hasSecret) {
      const or = 'or token_endpoint_auth_method: private_key_jwt with client_assertion';
      refuse('oidc.client_secret', 'nothing', `the client's secret, ${or}`);
    }
    if (hasAssertion) {
      const found = 'a block without token_endpoint_auth_method: private_key_jwt';
      refuse('oidc.client_assertion', found, 'that method and no client_secret, or no such block');
    }
    return;
  }
  if (hasSecret) {
    const found = 'a secret beside token_endpoint_auth_method: private_key_jwt';
    refuse('oidc.client_secret', found, 'nothing, the client signs with client_assertion');
  }
  if (!hasAssertion) {
    const found = 'nothing, with token_endpoint_auth_method: private_key_jwt';
    refuse('oidc.client_assertion', found, 'private_key_pem and certificate_pem');
  }
}

function assertionKeyFits({ tree, refuse }: RuleContext): void {
  const key = textAt(tree, 'oidc', 'client_assertion', 'private_key_pem') ?? '';
  const certificate = textAt(tree, 'oidc', 'client_assertion', 'certificate_pem') ?? '';
  if (!isPrivateKeyPem(key) || !isCertificatePem(certificate)) return;
  if (isKeyOfCertificate(key, certificate)) return;
  const found = 'a certificate of another key';
  refuse('oidc.client_assertion.certificate_pem', found, 'the certificate of private_key_pem');
}

function protocolParamsAreOurs({ tree, refuse }: RuleContext): void {
  for (const name of Object.keys(mapAt(tree, 'oidc', 'extra_auth_params'))) {
    if (!MANAGED_PARAMS.includes(name) && !name.startsWith('code_challenge')) continue;
    const accepted = 'parameters that the gateway does not set itself (for scope use oidc.scopes)';
    refuse(`oidc.extra_auth_params.${name}`, 'a parameter of the protocol', accepted);
  }
}

function groupsAreNotBlank({ tree, refuse }: RuleContext): void {
  listAt(tree, 'oidc', 'allowed_groups').forEach((group, index) => {
    if (typeof group !== 'string' || group === '' || group.trim() !== '') return;
    refuse(`oidc.allowed_groups[${index}]`, 'only spaces', 'a group name');
  });
}

function contentOf(path: string, readFile: (path: string) => string): string | undefined {
  try {
    return readFile(path);
  } catch {
    return undefined;
  }
}
