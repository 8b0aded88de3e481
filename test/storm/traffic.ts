// People who work while the world breaks: each sends one request after the other to whichever data
// plane answers, and remembers what came of it.

import type { Random } from '../support/random.ts';
import type { World } from './world.ts';

export interface Sent {
  readonly sub: string;
  readonly requestId: string;
  /** The client read the answer to its end. */
  readonly isComplete: boolean;
}

export interface Traffic {
  readonly sent: readonly Sent[];
  /** Refused for the cap, for the busy cap, or because nobody could say. */
  readonly refused: number;
  /** Ends when what is on its way has come to its end. */
  stop(): Promise<void>;
}

const PATIENCE_MS = 8_000;
/** A person who was refused or met nobody does not hammer. */
const AFTER_A_REFUSAL_MS = 60;

export function startTraffic(options: {
  readonly world: World;
  readonly random: Random;
  readonly people: readonly { readonly sub: string; readonly token: string }[];
  readonly clientsEach: number;
}): Traffic {
  const { world, random, people, clientsEach } = options;
  const sent: Sent[] = [];
  let refused = 0;
  let isStopped = false;

  async function work({ sub, token }: { sub: string; token: string }): Promise<void> {
    while (!isStopped) {
      const { url } = random.pick(world.dataPlanes);
      const one = await ask(url, token, random.between(200, 4_000));
      if (one === 'refused') refused += 1;
      if (typeof one === 'object') sent.push({ sub, ...one });
      else await new Promise((resolve) => setTimeout(resolve, AFTER_A_REFUSAL_MS));
    }
  }

  const clients = people.flatMap((one) => Array.from({ length: clientsEach }, () => work(one)));
  return {
    sent,
    get refused() {
      return refused;
    },
    async stop() {
      isStopped = true;
      await Promise.all(clients);
    },
  };
}

type Asked = { readonly requestId: string; readonly isComplete: boolean } | 'refused' | 'away';

async function ask(url: string, token: string, promptChars: number): Promise<Asked> {
  let requestId: string | null = null;
  try {
    const response = await fetch(`${url}/v1/messages`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        model: 'claude-sonnet-5',
        max_tokens: 100,
        stream: true,
        messages: [{ role: 'user', content: 'x'.repeat(promptChars) }],
      }),
      signal: AbortSignal.timeout(PATIENCE_MS),
    });
    if (response.status !== 200) {
      await response.body?.cancel();
      return response.status === 429 ? 'refused' : 'away';
    }
    requestId = response.headers.get('x-request-id');
    const text = await response.text();
    return { requestId: requestId ?? '', isComplete: text.includes('event: message_stop') };
  } catch {
    return requestId === null ? 'away' : { requestId, isComplete: false };
  }
}
