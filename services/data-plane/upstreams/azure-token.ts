// Microsoft Entra ID's access tokens for Azure AI, by whatever identity the machine has: a managed or a
// workload identity, a service principal in the environment, a developer's `az login`.

import { DefaultAzureCredential } from '@azure/identity';
import type { Clock } from '#shared/domain/clock.ts';
import type { Log } from '#shared/telemetry/log.ts';
import { createTokenSource, type TokenSource } from './access-token.ts';

const SCOPE = 'https://cognitiveservices.azure.com/.default';

export function createAzureTokens(options: {
  readonly clock: Clock;
  readonly log: Log;
}): TokenSource {
  const credential = new DefaultAzureCredential();
  return createTokenSource({
    issuer: 'Microsoft Entra ID',
    async fetchToken() {
      const { token, expiresOnTimestamp } = await credential.getToken(SCOPE);
      return { token, expiresAtMs: expiresOnTimestamp };
    },
    ...options,
  });
}
