// `npm run --silent token -- URL`: signs in with the device flow (RFC 8628) and prints the access
// token alone to standard output, so that it fits into $( ).

import { setTimeout as pause } from 'node:timers/promises';

interface DeviceAuthorization {
  readonly device_code: string;
  readonly user_code: string;
  readonly verification_uri_complete: string;
  readonly interval: number;
}

interface TokenAnswer {
  readonly access_token?: string;
  readonly error?: string;
  readonly error_description?: string;
}

async function signIn(gateway: string): Promise<string> {
  const asked = (await post(`${gateway}/oauth/device_authorization`, {})) as DeviceAuthorization;
  process.stderr.write(
    `Open ${asked.verification_uri_complete}\nand check that it shows ${asked.user_code}.\n`,
  );
  for (let seconds = asked.interval; ; ) {
    await pause(seconds * 1000);
    const answer = (await post(`${gateway}/oauth/token`, {
      grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
      device_code: asked.device_code,
    })) as TokenAnswer;
    if (answer.access_token !== undefined) return answer.access_token;
    if (answer.error === 'slow_down') seconds += 5;
    else if (answer.error !== 'authorization_pending') {
      throw new Error(answer.error_description ?? `Sign-in ended: ${answer.error}.`);
    }
  }
}

async function post(url: string, form: Record<string, string>): Promise<unknown> {
  const response = await fetch(url, { method: 'POST', body: new URLSearchParams(form) });
  const answer: unknown = await response.json();
  if (typeof answer !== 'object' || answer === null) throw new Error(`${url} is no gateway.`);
  return answer;
}

const gateway = (process.argv[2] ?? 'http://127.0.0.1:8080').replace(/\/+$/, '');
try {
  process.stdout.write(`${await signIn(gateway)}\n`);
} catch (caught) {
  const message = caught instanceof Error ? caught.message : String(caught);
  process.stderr.write(`Could not sign in at ${gateway}: ${message}\n`);
  process.exitCode = 1;
}
