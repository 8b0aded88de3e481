// `npm run stack`: the production topology on this machine, without Docker. Redis, the Pub/Sub
// emulator and the Firestore emulator (or PostgreSQL: -- --ledger postgres), an OIDC provider, an OTLP
// collector, a model, one data plane and one control plane. Ctrl-C ends all of it.

import { parseArgs } from 'node:util';
import { openDemoModel } from '../services/demo/model.ts';
import { openCollector } from './support/collector.ts';
import { ADMIN_KEY } from './support/gateway.ts';
import { CLIENT_ID, CLIENT_SECRET, openTestIdentityProvider } from './support/identity-provider.ts';
import { openStack } from './support/stack.ts';

const { values } = parseArgs({ options: { ledger: { type: 'string', default: 'firestore' } } });
const ledger = values.ledger === 'postgres' ? 'postgres' : 'firestore';
const stopped = new Promise<void>((resolve) => {
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve());
});

await using opened = new AsyncDisposableStack();
const idp = opened.use(await openTestIdentityProvider());
const model = opened.use(await openDemoModel({ host: '127.0.0.1', port: 0, wordMs: 25 }));
const collector = opened.use(
  await openCollector(({ path, decoded }) => {
    console.log(`collector: POST ${path}, ${decoded.byteLength} bytes`);
    return { status: 200 };
  }),
);
const stack = opened.use(
  await openStack({
    ledger,
    planesOfAKind: 1,
    port: Number(process.env['PORT'] || 8080),
    modelUrl: model.url,
    oidc: { issuer: idp.issuer, clientId: CLIENT_ID, clientSecret: CLIENT_SECRET },
    more: `
jobs: { bullmq: {} }
managed: { policies: [{ cli: { model: sonnet } }] }
telemetry: { forward_to: [{ url: "${collector.url}", logs: true }] }
`,
  }),
);
const url = stack.publicUrl;
const ledgerAt = 'url' in stack.ledger ? stack.ledger.url : stack.ledger.host;
console.log(`
Two planes are up on Redis, Pub/Sub and ${ledger}; clients talk to ${url}.

  export ANTHROPIC_BASE_URL=${url}
  export ANTHROPIC_AUTH_TOKEN=$(npm run --silent token -- ${url})
  claude -p "hello"
  curl -s ${url}/v1/organizations/spend_limits/effective -H 'x-api-key: ${ADMIN_KEY}'
  curl -s ${url}/readyz

Inside: ${stack.redis.url}, Pub/Sub at ${stack.pubsub.host}, the ledger at ${ledgerAt}
`);
await stopped;
