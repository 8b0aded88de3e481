// The configuration and the person behind each capture of 07a, in the captures' order. The captures
// do not record the configuration; it was rebuilt from the answers.

import type { JsonObject } from '#shared/domain/canonical-json.ts';
import type { Policy, PolicyBookOptions } from '#shared/domain/policy.ts';
import { modelPricing, type SignalSwitches, telemetryEnv } from '#shared/domain/settings-push.ts';

export interface Scenario {
  readonly name: string;
  readonly book: PolicyBookOptions;
  /** Null: no session. */
  readonly person: { readonly groups: readonly string[]; readonly email: string | null } | null;
}

const NO_PUSH = { env: null, modelPricing: null };

const base: JsonObject = {
  availableModels: ['claude-opus-4-8', 'claude-sonnet-4-6'],
  permissions: {
    allow: ['Read', 'Grep'],
    deny: ['WebFetch'],
    ask: ['Bash(git push)'],
    additionalDirectories: ['/base'],
    defaultMode: 'plan',
    disableBypassPermissionsMode: 'disable',
  },
  env: { A: 'base', B: 'base' },
  modelOverrides: { 'claude-opus-4-8': 'x' },
  disabledMcpjsonServers: ['s1'],
  enabledMcpjsonServers: ['e1'],
  deniedMcpServers: [{ serverName: 'd1' }],
  allowedMcpServers: [{ serverName: 'al1' }],
  blockedMarketplaces: [{ source: 'github', repo: 'a/b' }],
  strictKnownMarketplaces: [{ source: 'github', repo: 's/s' }],
  enabledPlugins: { 'p@m': true },
  hooks: {
    PreToolUse: [{ matcher: 'Bash', hooks: [{ type: 'command', command: 'base' }] }],
    Stop: [{ hooks: [{ type: 'command', command: 'basestop' }] }],
  },
  sandbox: { enabled: true, network: { allowedDomains: ['base.com'] } },
  model: 'claude-sonnet-4-6',
  cleanupPeriodDays: 30,
  statusLine: { type: 'command', command: 'base' },
  companyAnnouncements: ['base'],
  allowManagedPermissionRulesOnly: true,
};

const role: JsonObject = {
  availableModels: ['claude-haiku-4-5'],
  permissions: {
    allow: ['Edit'],
    deny: ['WebSearch'],
    ask: ['Bash(rm *)'],
    additionalDirectories: ['/role'],
  },
  env: { B: 'role', C: 'role' },
  modelOverrides: { 'claude-haiku-4-5': 'y' },
  disabledMcpjsonServers: ['s2'],
  enabledMcpjsonServers: ['e2'],
  deniedMcpServers: [{ serverName: 'd2' }],
  allowedMcpServers: [{ serverName: 'al2' }],
  blockedMarketplaces: [{ source: 'github', repo: 'c/d' }],
  strictKnownMarketplaces: [{ source: 'github', repo: 'r/r' }],
  enabledPlugins: { 'q@m': true },
  hooks: {
    PreToolUse: [{ matcher: 'Edit', hooks: [{ type: 'command', command: 'role' }] }],
    PostToolUse: [{ hooks: [{ type: 'command', command: 'rolepost' }] }],
  },
  sandbox: { network: { allowedDomains: ['role.com'] } },
  cleanupPeriodDays: 5,
  companyAnnouncements: ['role'],
};

function policy(settings: JsonObject, match: Partial<Policy['match']> = {}): Policy {
  const everybody = { groups: null, emailDomain: null };
  return { kind: 'cli', settings, match: { ...everybody, ...match }, serveToDesktop: null };
}

function merging(mode: PolicyBookOptions['mode']): Scenario[] {
  const policies = [
    policy(role, { groups: ['r1'] }),
    policy({ permissions: { deny: ['Bash'] }, env: { B: 'r2', D: 'r2' } }, { groups: ['r2'] }),
    policy({ env: { DOM: '1' } }, { groups: ['dom'], emailDomain: 'Example.com' }),
    policy(base),
  ];
  const as = (name: string, groups: string[], email: string | null = 'dev@example.com') => {
    return { name, book: { policies, mode, push: NO_PUSH }, person: { groups, email } };
  };
  return [
    as('base only', ['zz']),
    as('role r1 over base', ['r1']),
    as('r1 and r2', ['r1', 'r2']),
    as('dom matches domain+group', ['dom']),
    as('dom wrong domain', ['dom'], 'dev@other.com'),
    as('domain upper-case', ['dom'], 'dev@EXAMPLE.COM'),
    as('no email', ['dom'], null),
    as('group case', ['R1']),
  ];
}

function answering(): Scenario[] {
  const policies = [
    policy({ env: { A: '1' } }, { groups: ['g'] }),
    policy({}, { groups: ['empty'] }),
  ];
  const book = { policies, mode: 'first_match', push: NO_PUSH } as const;
  const as = (name: string, group: string | null) => {
    return { name, book, person: group === null ? null : { groups: [group], email: 'd@e.com' } };
  };
  const member = [
    '200',
    'If-None-Match exact quoted',
    'If-None-Match unquoted',
    'If-None-Match weak',
    'If-None-Match list',
    'If-None-Match star',
    'If-None-Match other',
    'If-None-Match empty',
  ];
  return [
    ...member.map((name) => as(name, 'g')),
    as('no policy matched', 'zz'),
    as('no policy matched, If-None-Match *', 'zz'),
    as('empty cli', 'empty'),
    as('no auth', null),
    as('HEAD', 'g'),
    as('POST', 'g'),
  ];
}

const anyone = { groups: ['zz'], email: 'dev@example.com' };

function only(name: string, book: Partial<PolicyBookOptions>): Scenario {
  const whole: PolicyBookOptions = { policies: [], mode: 'first_match', push: NO_PUSH, ...book };
  return { name, book: whole, person: anyone };
}

function telemetry(...destinations: Partial<SignalSwitches>[]) {
  const off = { metrics: false, logs: false, traces: false };
  const env = telemetryEnv({
    publicUrl: 'http://127.0.0.1:18745',
    destinations: destinations.map((signals) => ({ ...off, ...signals })),
    resourceAttributes: {},
  });
  return { env, modelPricing: null };
}

function pushing(): Scenario[] {
  const all = { metrics: true, logs: true, traces: true };
  const unmanaged = (name: string, ...destinations: Partial<SignalSwitches>[]) => {
    const push = telemetry(...destinations);
    return only(`telemetry ${name} (no managed section)`, { policies: null, push });
  };
  const own = {
    CLAUDE_CODE_ENABLE_TELEMETRY: '0',
    OTEL_METRICS_EXPORTER: 'none',
    OTEL_RESOURCE_ATTRIBUTES: 'a=b',
    X: 'y',
  };
  const price = { input: 1, output: 2, cacheRead: 3, cacheWrite: 4 };
  const pricing = modelPricing({
    multiplier: 0.5,
    overrides: [{ upstream: 'a', model: 'claude-opus-4-8', ...price }],
    firstUpstreamOf: () => 'a',
  });
  const managed = policy({ env: { A: '1' } });
  return [
    only('unconfigured', { policies: null }),
    only('policies []', {}),
    unmanaged('metrics only', { metrics: true }),
    unmanaged('logs only', { logs: true }),
    unmanaged('traces only', { traces: true }),
    unmanaged('all', all),
    unmanaged('none', {}),
    unmanaged('metrics on one, traces on another', { metrics: true }, { traces: true }),
    only('policy env vs telemetry', {
      policies: [policy({ env: own })],
      push: telemetry({ metrics: true }),
    }),
    only('no policy matched but telemetry', {
      policies: [policy({}, { groups: ['g'] })],
      push: telemetry(all),
    }),
    only('pricing in settings', {
      policies: [managed],
      push: { env: null, modelPricing: pricing },
    }),
  ];
}

function desktops(): Scenario[] {
  const settings = {
    availableModels: ['claude-sonnet-4-6', 'claude-haiku-4-5'],
    permissions: { deny: ['WebFetch', 'Bash(npm *)', 'WebSearch', 'Read(./.env)'] },
    sandbox: { network: { allowedDomains: ['github.com'] } },
    env: { A: 'b' },
  };
  const code = { policies: [{ ...policy(settings), kind: 'code' } as const] };
  const served = (serveToDesktop: boolean | null) => {
    return { policies: [{ ...policy({ env: { A: '1' } }), serveToDesktop }] };
  };
  return [
    only('managed with code', code),
    only('managed with code, INM *', code),
    only('managed, INM *', code),
    only('managed', code),
    only('serve_to_desktop t INM *', served(true)),
    only('serve_to_desktop t plain', served(true)),
    only('serve_to_desktop f INM *', served(false)),
    only('serve_to_desktop f plain', served(false)),
    only('serve_to_desktop n INM *', served(null)),
    only('serve_to_desktop n plain', served(null)),
  ];
}

export const SCENARIOS: readonly Scenario[] = [
  ...merging('first_match'),
  ...merging('layered'),
  ...answering(),
  ...pushing(),
  ...desktops(),
];
