// A real OIDC provider (the demo's) with switches for everything that goes wrong with one.

import type { IncomingMessage, ServerResponse } from 'node:http';
import {
  type DemoIdentityProvider,
  openDemoIdentityProvider,
} from '../../services/demo/identity-provider.ts';
import { DEMO_PEOPLE, type DemoPerson } from '../../services/demo/people.ts';
import { createMemoryLog } from './log.ts';

export const CLIENT_ID = 'tallygate-test';
export const CLIENT_SECRET = 'a-secret-for-the-tests-of-sign-in';

export interface TestIdentityProvider extends DemoIdentityProvider {
  /** What happens to the next requests. */
  readonly switches: {
    /** Answer the token endpoint with this instead. */
    tokenAnswer: { status: number; body: Record<string, unknown> } | null;
    /** Cut every connection. */
    down: boolean;
    /** Send the browser back with this error from the authorization endpoint. */
    callbackError: { error: string; error_description?: string } | null;
    /** The token endpoint waits for this first. */
    hold: Promise<unknown> | null;
  };
  /** How often the token endpoint was asked. */
  tokenRequests(): number;
  /** Changes what the provider says about a person from now on. */
  change(sub: string, change: Partial<DemoPerson>): void;
}

/** Any port of 127.0.0.1 may be redirected to. */
export async function openTestIdentityProvider(): Promise<TestIdentityProvider> {
  let people = DEMO_PEOPLE;
  let tokenRequests = 0;
  const switches: TestIdentityProvider['switches'] = {
    tokenAnswer: null,
    down: false,
    callbackError: null,
    hold: null,
  };

  async function intercept(req: IncomingMessage, res: ServerResponse): Promise<boolean> {
    const url = new URL(`http://idp${req.url}`);
    if (switches.down) {
      req.socket.destroy();
      return true;
    }
    if (url.pathname === '/auth' && switches.callbackError !== null) {
      const back = new URL(url.searchParams.get('redirect_uri') ?? '');
      const answer = { ...switches.callbackError, state: url.searchParams.get('state') ?? '' };
      back.search = `${new URLSearchParams(answer)}`;
      res.writeHead(302, { location: back.href }).end();
      return true;
    }
    if (url.pathname !== '/token') return false;
    tokenRequests += 1;
    await switches.hold;
    if (switches.tokenAnswer === null) return false;
    const { status, body } = switches.tokenAnswer;
    res.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body));
    return true;
  }

  const provider = await openDemoIdentityProvider({
    host: '127.0.0.1',
    port: 0,
    clientId: CLIENT_ID,
    clientSecret: CLIENT_SECRET,
    redirectUris: ['http://127.0.0.1/oauth/callback'],
    people: () => people,
    log: createMemoryLog(),
    intercept,
  });
  return {
    ...provider,
    switches,
    tokenRequests: () => tokenRequests,
    change(sub, change) {
      people = people.map((person) => (person.sub === sub ? { ...person, ...change } : person));
    },
  };
}
