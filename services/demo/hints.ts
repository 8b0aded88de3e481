import type { Demo } from './profile.ts';

/** What a newcomer sees when the demo is up: the next three things to try. */
export function demoHints({ url, adminKey }: Pick<Demo, 'url' | 'adminKey'>): string {
  const settings = JSON.stringify({ forceLoginMethod: 'gateway', forceLoginGatewayUrl: url });
  return `
Tallygate is up at ${url}: demo sign-in, demo model, a cap of 50 cents a day for each person.

1  Sign in with Claude Code. Put this into its managed settings, start claude, type /login:

     ${settings}

2  Or without a terminal session:

     export ANTHROPIC_BASE_URL=${url}
     export ANTHROPIC_AUTH_TOKEN=$(npm run --silent token -- ${url})
     claude -p "hello"

3  See what it cost, and move the cap:

     curl -s ${url}/v1/organizations/spend_limits/effective -H 'x-api-key: ${adminKey}'
     curl -s ${url}/v1/organizations/spend_limits -H 'x-api-key: ${adminKey}' \\
       -d '{"scope":{"type":"organization"},"period":"daily","amount":"500"}'

The real thing: write a gateway.yaml (infra/gateway.example.yaml has every key), then
  npm start -- --config gateway.yaml
`;
}
