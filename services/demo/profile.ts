// The demo profile: a sign-in provider and a model on this machine, and a gateway.yaml for them, so
// that `npm start` needs nothing else.

import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import type { Log } from '#shared/telemetry/log.ts';
import { openDemoIdentityProvider } from './identity-provider.ts';
import { openDemoModel } from './model.ts';

export interface DemoOptions {
  readonly port: number;
  readonly dataDir: string;
  readonly log: Log;
}

export interface Demo extends AsyncDisposable {
  /** The gateway.yaml, and what its `${DEMO_…}` stand for. */
  readonly text: string;
  readonly env: Readonly<Record<string, string>>;
  readonly url: string;
  readonly adminKey: string;
}

const HOST = '127.0.0.1';
/** Known to everybody who can read this file, and good on loopback only. */
const ADMIN_KEY = 'demo-admin-key-good-on-loopback-only';
/** What a stream waits between two words, so that a person sees it stream. */
const WORD_MS = 25;

/** @throws AppError `unavailable` where something that the demo needs is not installed. */
export async function openDemo({ port, dataDir, log }: DemoOptions): Promise<Demo> {
  const url = `http://${HOST}:${port}`;
  const clientSecret = randomBytes(24).toString('base64url');
  await using opened = new AsyncDisposableStack();
  const provider = opened.use(
    await openDemoIdentityProvider({
      host: HOST,
      port: 0,
      clientId: 'tallygate-demo',
      clientSecret,
      redirectUris: [`${url}/oauth/callback`],
      log,
    }),
  );
  const model = opened.use(await openDemoModel({ host: HOST, port: 0, wordMs: WORD_MS }));
  const text = readFileSync(new URL('../../infra/demo.gateway.yaml', import.meta.url), 'utf8');
  const kept = opened.move();
  return {
    text,
    env: {
      TALLYGATE_ALLOW_LOOPBACK: '1',
      DEMO_PUBLIC_URL: url,
      DEMO_DATA_DIR: dataDir,
      DEMO_ISSUER: provider.issuer,
      DEMO_CLIENT_SECRET: clientSecret,
      DEMO_MODEL_URL: model.url,
      DEMO_MODEL_KEY: 'demo-model-key',
      DEMO_ADMIN_KEY: ADMIN_KEY,
    },
    url,
    adminKey: ADMIN_KEY,
    [Symbol.asyncDispose]: () => kept.disposeAsync(),
  };
}
