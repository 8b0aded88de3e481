// The configuration, cut into the narrow slices that the planes ask for. Secrets are revealed here,
// into the hands of the one part that uses them.

import type { GatewayConfig } from '#shared/config/schema.ts';
import type { ConfiguredModel, UpstreamRef } from '#shared/domain/catalogue.ts';
import type { Policy } from '#shared/domain/policy.ts';
import type { OverloadLimits } from '#shared/http/overload.ts';
import type { AdminSettings } from '../control-plane/admin/authentication.ts';
import type { NoticeSettings } from '../control-plane/alerts/notice.ts';
import type { Webhook } from '../control-plane/alerts/webhook-sender.ts';
import type { RetentionWindows } from '../control-plane/jobs/retention.ts';
import type { OidcOptions } from '../control-plane/login/oidc-options.ts';
import type { TelemetryDestination } from '../control-plane/telemetry/otlp-exporter.ts';
import type { TierPlace } from '../data-plane/routing.ts';

/** What a call to the identity provider may take; a refresh answers 503 after it. */
const IDP_TIMEOUT_SECONDS = 10;

export function oidcOptions({ oidc }: GatewayConfig): OidcOptions {
  const assertion = oidc.client_assertion;
  return {
    issuer: oidc.issuer,
    clientId: oidc.client_id,
    clientSecret: oidc.client_secret?.reveal() ?? null,
    clientAssertion:
      assertion === undefined
        ? null
        : {
            privateKeyPem: assertion.private_key_pem.reveal(),
            certificatePem: assertion.certificate_pem,
          },
    tokenEndpointAuthMethod: oidc.token_endpoint_auth_method,
    scopes: oidc.scopes,
    scopeOnRefresh: oidc.scope_on_refresh,
    extraAuthParams: oidc.extra_auth_params,
    usePkce: oidc.use_pkce,
    clockSkewSeconds: oidc.clock_skew_seconds,
    idTokenAlg: oidc.id_token_signed_response_alg,
    additionalAuthorizedParties: oidc.additional_authorized_parties,
    discoveryUrl: oidc.discovery_url ?? null,
    userinfoFallback: oidc.userinfo_fallback,
    useProxy: oidc.use_proxy,
    caCertPem: oidc.ca_cert_pem ?? null,
    formActionOrigins: oidc.form_action_origins,
    claims: {
      allowedEmailDomains: oidc.allowed_email_domains,
      allowedGroups: oidc.allowed_groups,
      groupsClaim: oidc.groups_claim,
      emailClaims: oidc.email_claim,
      userIdClaim: oidc.user_id_claim ?? null,
    },
    timeoutSeconds: IDP_TIMEOUT_SECONDS,
  };
}

export function policies({ managed }: GatewayConfig): readonly Policy[] | null {
  if (managed === undefined) return null;
  return managed.policies.map(({ match, kind, settings, serve_to_desktop }) => ({
    match: { groups: match.groups ?? null, emailDomain: match.email_domain ?? null },
    kind,
    settings,
    serveToDesktop: serve_to_desktop ?? null,
  }));
}

export function configuredModels({ models }: GatewayConfig): ConfiguredModel[] {
  return models.map(({ id, label, description, upstream_model }) => ({
    id,
    label: label ?? null,
    description: description ?? null,
    upstreamModel: upstream_model,
  }));
}

export function upstreamRefs({ upstreams }: GatewayConfig): UpstreamRef[] {
  return upstreams.map(({ name, provider, models, groups }) => ({
    name,
    provider,
    models: models ?? null,
    groups: groups ?? null,
  }));
}

/** Empty where no upstream has a tier; the rules over `upstreams` see to it that then all have. */
export function tierPlaces({ upstreams }: GatewayConfig): Map<string, TierPlace> {
  return new Map(
    upstreams.flatMap(({ name, tier, weight = 1 }): [string, TierPlace][] =>
      tier === undefined ? [] : [[name, { tier, weight }]],
    ),
  );
}

export function telemetryDestinations({ telemetry }: GatewayConfig): TelemetryDestination[] {
  return (telemetry?.forward_to ?? []).map(({ url, headers, metrics, logs, traces }) => ({
    url,
    headers: Object.fromEntries(
      Object.entries(headers).map(([name, value]) => [name, value.reveal()]),
    ),
    metrics,
    logs,
    traces,
  }));
}

export function adminSettings({ admin }: GatewayConfig): AdminSettings | null {
  if (admin === undefined) return null;
  const reveal = (keys: typeof admin.write_keys) =>
    keys.map(({ id, key }) => ({ id, key: key.reveal() }));
  return {
    writeKeys: reveal(admin.write_keys),
    readKeys: reveal(admin.read_keys),
    adminGroups: admin.admin_groups,
    groupLimitMode: admin.group_limit_mode,
  };
}

export function noticeSettings({ alerts, admin }: GatewayConfig): NoticeSettings {
  // Without an `admin` block there are no caps: what the store still has of them is not enforced.
  const thresholds = admin === undefined ? [] : alerts.thresholds;
  return { thresholds, groupLimitMode: admin?.group_limit_mode ?? 'min' };
}

export function overloadLimits({ limits }: GatewayConfig): OverloadLimits {
  return {
    delayMs: limits.overload_delay_ms,
    openRequestsMax: limits.open_requests_max ?? null,
  };
}

export function webhooks({ alerts }: GatewayConfig): Webhook[] {
  return alerts.webhooks.map(({ url, secret, events }) => ({
    url,
    secrets: secret.map((one) => one.reveal()),
    events,
  }));
}

/** Without an `admin` block the reference's defaults hold. */
export function retentionWindows({ admin }: GatewayConfig): RetentionWindows {
  return {
    auditRetentionDays: admin?.audit_retention_days ?? 365,
    spendRetentionMonths: admin?.spend_retention_months ?? 13,
    identityRetentionDays: admin?.identity_retention_days ?? 90,
  };
}
