// The demo's identity provider or its model as a process of its own, for docker-compose.yml:
//
//   node services/demo/main.ts identity-provider --port=9000 --issuer=URL --redirect-uri=URL
//   node services/demo/main.ts model --port=9001
//
// Not for real people: whoever reaches the provider is who they say.

import { parseArgs } from 'node:util';
import { systemClock } from '#shared/domain/clock.ts';
import { createLog } from '#shared/telemetry/pino-log.ts';
import { openDemoIdentityProvider } from './identity-provider.ts';
import { openDemoModel } from './model.ts';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    host: { type: 'string', default: '0.0.0.0' },
    port: { type: 'string', default: '0' },
    issuer: { type: 'string' },
    'redirect-uri': { type: 'string', multiple: true, default: [] },
  },
});
const WORD_MS = 25;
const log = createLog({ level: 'info', format: 'text', clock: systemClock });
const address = { host: values.host, port: Number(values.port) };

async function open(part: string | undefined): Promise<AsyncDisposable> {
  if (part === 'model') return openDemoModel({ ...address, wordMs: WORD_MS });
  if (part !== 'identity-provider') {
    throw new Error('say which: identity-provider or model');
  }
  return openDemoIdentityProvider({
    ...address,
    ...(values.issuer === undefined ? {} : { issuer: values.issuer }),
    clientId: 'tallygate-demo',
    clientSecret: process.env['OIDC_CLIENT_SECRET'] ?? '',
    redirectUris: values['redirect-uri'],
    log,
  });
}

await using _opened = await open(positionals[0]);
log.info('the demo part is up', { part: positionals[0], port: address.port });
await new Promise((resolve) => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, resolve);
});
