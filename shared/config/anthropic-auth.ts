// How the gateway signs in to Anthropic's own API: one of three ways.

import { z } from 'zod';
import { section, text } from './field.ts';
import type { Secret } from './secret.ts';
import { credential } from './upstream-fields.ts';

/** Workload identity federation: the platform's token for one of Anthropic's. */
export interface FederationAuth {
  readonly kind: 'federation';
  readonly ruleId: string;
  readonly organizationId: string;
  /** Read anew at each exchange: the platform renews it. */
  readonly identityTokenFile: string;
  readonly workspaceId: string | undefined;
  readonly serviceAccountId: string | undefined;
}

export type AnthropicAuth =
  | { readonly kind: 'api_key' | 'oauth_token'; readonly secret: Secret }
  | FederationAuth;

const ONE_WAY =
  'exactly one of api_key, oauth_token and federation_rule_id (with organization_id and ' +
  'identity_token_file)';

export const anthropicAuth = section({
  /** Sent as x-api-key. */
  api_key: credential().optional(),
  /** Sent as a bearer with the oauth beta. */
  oauth_token: credential().optional(),
  /** Of workload identity federation, as are the keys that follow. */
  federation_rule_id: text().optional(),
  organization_id: text().optional(),
  /** Path of the token that the platform gives this workload. */
  identity_token_file: text('the path of a file with an identity token').optional(),
  workspace_id: text().optional(),
  service_account_id: text().optional(),
}).transform((auth, context): AnthropicAuth => {
  const { api_key, oauth_token, ...federation } = auth;
  const isFederated = Object.values(federation).some((value) => value !== undefined);
  if (isFederated && api_key === undefined && oauth_token === undefined) {
    const complete = federationAuth(federation);
    if (complete !== null) return complete;
  } else if (!isFederated) {
    if (api_key !== undefined && oauth_token === undefined) {
      return { kind: 'api_key', secret: api_key };
    }
    if (oauth_token !== undefined && api_key === undefined) {
      return { kind: 'oauth_token', secret: oauth_token };
    }
  }
  context.addIssue({ code: 'custom', message: ONE_WAY });
  return z.NEVER;
});

function federationAuth({
  federation_rule_id: ruleId,
  organization_id: organizationId,
  identity_token_file: identityTokenFile,
  workspace_id: workspaceId,
  service_account_id: serviceAccountId,
}: Readonly<Record<string, string | undefined>>): FederationAuth | null {
  if (ruleId === undefined || organizationId === undefined || identityTokenFile === undefined) {
    return null;
  }
  const kind = 'federation';
  return { kind, ruleId, organizationId, identityTokenFile, workspaceId, serviceAccountId };
}
