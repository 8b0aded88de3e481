import type { Demo } from './profile.ts';

export interface DemoHints extends Pick<Demo, 'url' | 'adminKey'> {
  /** Which ones hold. */
  readonly caps: string;
}

/** What a newcomer sees when the demo is up: the next three things to try. README.md shows it. */
export function demoHints({ url, adminKey, caps }: DemoHints): string {
  const settings = JSON.stringify({ forceLoginMethod: 'gateway', forceLoginGatewayUrl: url });
  const limits = `curl -s ${url}/v1/organizations/spend_limits`;
  const key = `-H 'x-api-key: ${adminKey}'`;
  return `
Tallygate is up at ${url}: demo sign-in, demo model,
${caps}.

1  Sign in with Claude Code. Put this into its managed settings, or into ~/.claude/settings.json;
   start claude, type /login:

     ${settings}

2  Or headless, from a shell in this folder:

     export ANTHROPIC_BASE_URL=${url}
     export ANTHROPIC_AUTH_TOKEN=$(npm run --silent token -- ${url})
     claude -p "hello"

   Claude Code does not ask for your policy this way. As Casey, who may use Haiku only:

     claude -p "hello" --model haiku

3  See what it cost; raise the cap of everybody, and that of the contractors:

     ${limits}/effective ${key}
     ${limits} ${key} \\
       -d '{"scope":{"type":"organization"},"period":"daily","amount":"500"}'
     ${limits} ${key} \\
       -d '{"scope":{"type":"rbac_group","rbac_group_id":"contractors"},"period":"daily","amount":"100"}'

The real thing: write a gateway.yaml (infra/gateway.example.yaml has every option of this release), then
  npm start -- --config gateway.yaml
`;
}
