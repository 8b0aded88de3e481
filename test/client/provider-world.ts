// One gateway, as a process, over a fake of every provider: whoever is in a group that is called like a
// provider is served by that one alone.

import { createGatewayHome, JWT_SECRET, mintSession, startGateway } from '../support/gateway.ts';
import { openMetadataServer } from '../support/google-tokens.ts';
import { MODEL, PROVIDERS, type Provider } from '../support/provider-dialects.ts';
import { openProviderFake, type ProviderFake } from '../support/provider-fakes.ts';
import { type ClaudeCode, openClaudeCode } from './claude-code.ts';

export interface ProviderWorld extends AsyncDisposable {
  /** Of `readLedger`. */
  readonly folder: string;
  fake(provider: Provider): ProviderFake;
  /** The client of somebody whom this provider serves; their `sub` is its name. */
  signedIn(provider: Provider): Promise<ClaudeCode>;
}

export async function openProviderWorld(binary: string): Promise<ProviderWorld> {
  await using opening = new AsyncDisposableStack();
  const google = opening.use(await openMetadataServer());
  const fakes = await Promise.all(PROVIDERS.map((name) => openProviderFake(name)));
  for (const fake of fakes) opening.use(fake);
  const home = opening.use(await createGatewayHome(yamlOf(fakes)));
  const gateway = opening.use(
    await startGateway(home, {
      GCE_METADATA_HOST: google.host,
      METADATA_SERVER_DETECTION: 'assume-present',
      // Nothing that this machine knows of Google may take part.
      GOOGLE_APPLICATION_CREDENTIALS: '',
      CLOUDSDK_CONFIG: home.folder,
    }),
  );
  const { url } = gateway;
  const opened = opening.move();
  return {
    folder: home.folder,
    fake: (provider) => fakes.find((fake) => fake.provider === provider) as ProviderFake,
    async signedIn(provider) {
      const jwt = await mintSession(url, provider, [provider]);
      const expiresAt = Date.now() + 3_600_000;
      const tokenEndpoint = `${url}/oauth/token`;
      const session = { url, jwt, expiresAt, tokenEndpoint, email: `${provider}@example.com` };
      const env = { ANTHROPIC_MODEL: MODEL };
      return openClaudeCode({ binary, gatewayUrl: url, session, env });
    },
    [Symbol.asyncDispose]: () => opened.disposeAsync(),
  };
}

function yamlOf(fakes: readonly ProviderFake[]): string {
  return `
listen: { host: 127.0.0.1, port: 0 }
oidc: { issuer: "http://127.0.0.1:9", client_id: tallygate, client_secret: test-only-secret }
session: { jwt_secret: ${JWT_SECRET} }
data_dir: ./data
upstreams:
${fakes.map(({ yaml }) => yaml).join('')}`;
}
