// The production topology, set up so that dying and healing take seconds instead of minutes.

import { openDemoModel } from '../../services/demo/model.ts';
import type { PostgresServer } from '../support/servers/postgres.ts';
import { openStack, type Stack } from '../support/stack.ts';

export interface World extends Stack {
  readonly ledger: PostgresServer;
  /** Whether requests are refused while the quota store is away; holds from the next request. */
  failClosed(isClosed: boolean): void;
}

/** Nobody signs in during a storm: sessions are minted. */
const NO_PROVIDER = { issuer: 'http://127.0.0.1:9', clientId: 'storm', clientSecret: 'not-real' };

export async function openWorld(): Promise<World> {
  await using opening = new AsyncDisposableStack();
  const model = opening.use(await openDemoModel({ host: '127.0.0.1', port: 0, wordMs: 4 }));
  const stack = opening.use(
    await openStack({
      ledger: 'postgres',
      planesOfAKind: 2,
      modelUrl: model.url,
      oidc: NO_PROVIDER,
      sharedSecret: true,
      more: hurried(false),
    }),
  );
  const opened = opening.move();
  return {
    ...stack,
    ledger: stack.ledger as PostgresServer,
    failClosed: (isClosed) => stack.configure(hurried(isClosed)),
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

function hurried(isClosed: boolean): string {
  return `
jobs:
  bullmq: {}
  every_seconds: { relay: 1, orphans: 1, caps: 1, restore: 0.5, recompute: 2 }
enforcement:
  reservation: ceiling
  reservation_ttl_seconds: 2
  fail_closed_on_error: ${isClosed}
`;
}
