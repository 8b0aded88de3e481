// The house as tables. A row that has to give way does so here, with its reason beside it.

/** Which rooms a room may import, most specific room first. Every room may import itself. */
export const ARROWS: readonly (readonly [room: string, mayImport: readonly string[]])[] = [
  ['shared/domain/', []],
  ['shared/errors/', []],
  ['shared/ports/', ['shared/domain/', 'shared/errors/']],
  [
    'shared/adapters/',
    ['shared/ports/', 'shared/domain/', 'shared/errors/', 'shared/events/', 'shared/telemetry/'],
  ],
  ['shared/', ['shared/domain/', 'shared/errors/', 'shared/telemetry/', 'shared/http/']],
  ['services/main.ts', ['services/', 'shared/']],
  ['services/wiring/', ['services/', 'shared/']],
  ['services/cli/', ['shared/']],
  ['services/demo/', ['shared/']],
  ['services/data-plane/', ['shared/']],
  ['services/control-plane/', ['shared/']],
  ['test/', ['services/', 'shared/', 'infra/']],
];

/** The composition root alone may import these. */
export const WIRING_ONLY = 'shared/adapters/';
export const COMPOSITION_ROOT: readonly string[] = [
  'services/main.ts',
  'services/wiring/',
  'test/',
];

/** What a script of package.json or docker-compose.yml starts. */
export const ENTRY_POINTS: readonly string[] = [
  'services/main.ts',
  'services/cli/token.ts',
  'services/demo/main.ts',
  'test/run.ts',
  'test/stack.ts',
  'test/bench/soak.ts',
  // Loaded by the soak into the gateway's process.
  'test/bench/soak-probe.ts',
  // Processes of their own, which `hop-worker.ts` starts.
  'test/bench/hop-load.ts',
  'test/bench/hop-model.ts',
];

/** npm packages and who may import them at all. What is not here may not be imported. */
export const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  express: ['shared/http/'],
  ioredis: [
    'shared/adapters/quota-store/redis',
    'shared/adapters/job-runner/bullmq',
    'services/wiring/',
    'test/',
  ],
  bullmq: ['shared/adapters/job-runner/bullmq'],
  pg: ['shared/adapters/sql/', 'test/'],
  '@google-cloud/pubsub': ['shared/adapters/usage-bus/pubsub', 'test/'],
  '@google-cloud/firestore': ['shared/adapters/firestore/', 'test/'],
  undici: [
    'services/data-plane/',
    'services/control-plane/telemetry/',
    'services/control-plane/login/',
    'test/',
  ],
  jose: ['shared/identity/', 'services/control-plane/', 'services/demo/', 'test/'],
  'openid-client': ['services/control-plane/login/'],
  'oidc-provider': ['services/demo/'],
  '@aws-sdk/credential-provider-node': ['services/data-plane/upstreams/aws-credentials.ts'],
  '@smithy/signature-v4': ['services/data-plane/upstreams/aws-signing.ts'],
  '@smithy/eventstream-codec': ['services/data-plane/upstreams/aws-event-stream.ts', 'test/'],
  'google-auth-library': ['services/data-plane/upstreams/'],
  '@azure/identity': ['services/data-plane/upstreams/azure-token.ts'],
  '@bufbuild/protobuf': ['services/control-plane/telemetry/', 'test/'],
  kysely: ['shared/adapters/'],
  pino: ['shared/telemetry/'],
  yaml: ['shared/config/', 'test/'],
  zod: ['shared/config/', 'shared/events/', 'services/control-plane/admin/'],
  'fast-check': ['shared/', 'services/', 'test/'],
  'playwright-core': ['test/'],
};

export interface Ban {
  readonly pattern: RegExp;
  readonly mend: string;
  /** Paths (prefixes) where it is allowed. */
  readonly except: readonly string[];
}

export const BANS: readonly Ban[] = [
  {
    pattern: /\bDate\.now\(|\bnew Date\(/,
    mend: 'take a Clock (shared/domain/clock.ts)',
    except: ['shared/domain/clock.ts', 'shared/domain/clock.test.ts', 'test/'],
  },
  { pattern: /\bMath\.random\(/, mend: 'use node:crypto or an injected source', except: [] },
  {
    pattern: /\bconsole\./,
    mend: 'take a Log (shared/telemetry/log.ts)',
    // The second silences one line that a library prints through it.
    except: ['test/', 'services/demo/import-oidc-provider.ts'],
  },
  {
    pattern: /\bprocess\.env\b/,
    mend: 'pass it in from the composition root',
    except: ['services/main.ts', 'services/demo/main.ts', 'shared/config/', 'test/'],
  },
  { pattern: /\bas any\b|:\s*any\b|<any>/, mend: 'use unknown and narrow it', except: [] },
  { pattern: /@ts-(ignore|nocheck|expect-error)/, mend: 'mend the type', except: [] },
  { pattern: /\b(TODO|FIXME|XXX)\b/, mend: 'do it, or file an issue', except: [] },
  { pattern: /\.only\(/, mend: 'run one file instead: node --test FILE', except: [] },
  {
    pattern: /\bfetch\(/,
    mend: 'use undici (stack.md §7)',
    except: ['test/', 'services/control-plane/', 'services/wiring/', 'services/cli/'],
  },
];

/** Files that pass 200 lines (tests: 400), and why. */
export const LONG_FILES: Readonly<Record<string, string>> = {};
export const LINES_MAX = { source: 200, test: 400 };
export const COLUMNS_MAX = 120;

export const FORBIDDEN_NAMES = /(^|\/)(utils?|helpers?|common|manager|types|misc|index)\.ts$/;

export const TOP_LEVEL: readonly string[] = [
  '.ci',
  '.gitignore',
  '.npmrc',
  'ARCHITECTURE.md',
  'LICENSE',
  'README.md',
  'biome.json',
  'docker-compose.yml',
  'infra',
  'package-lock.json',
  'package.json',
  'services',
  'shared',
  'test',
  'tsconfig.json',
];
