// `npm run --silent token -- URL`: signs in with the device flow (RFC 8628) and prints the access
// token alone to standard output, so that it fits into $( ).

import { setTimeout as pause } from 'node:timers/promises';

type Answer = Readonly<Record<string, unknown>>;

const ENDINGS: Readonly<Record<string, string>> = {
  access_denied: 'the sign-in was refused in the browser',
  expired_token: 'nobody confirmed the code in time; run this again for a new one',
};
/** RFC 8628 §3.5. */
const SLOW_DOWN_SECONDS = 5;

async function signIn(gateway: string): Promise<string> {
  const { status, answer } = await post(`${gateway}/oauth/device_authorization`, {});
  const { device_code, user_code, verification_uri_complete, interval } = answer;
  if (typeof device_code !== 'string' || typeof verification_uri_complete !== 'string') {
    throw new Error(refusal(answer) ?? `there is no Tallygate at ${gateway} (${status})`);
  }
  process.stderr.write(
    `Open ${verification_uri_complete}\nand check that it shows ${user_code}.\n`,
  );
  for (let seconds = Number(interval); ; ) {
    await pause(seconds * 1000);
    const polled = await post(`${gateway}/oauth/token`, {
      grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
      device_code,
    });
    const { access_token, error } = polled.answer;
    if (typeof access_token === 'string') return access_token;
    if (error === 'slow_down') seconds += SLOW_DOWN_SECONDS;
    else if (error !== 'authorization_pending') {
      throw new Error(refusal(polled.answer) ?? `the answer was ${polled.status}`);
    }
  }
}

/** `answer` is empty where the body is no JSON object. */
async function post(url: string, form: Record<string, string>) {
  const response = await fetch(url, { method: 'POST', body: new URLSearchParams(form) }).catch(
    (caught: unknown) => {
      throw new Error(`${url} does not answer (${causeOf(caught)})`);
    },
  );
  const body: unknown = await response.json().catch(() => null);
  const isObject = typeof body === 'object' && body !== null;
  return { status: response.status, answer: isObject ? (body as Answer) : {} };
}

/** The gateway's own words: an OAuth error, or its envelope when a store is away. */
function refusal({ type, error, error_description }: Answer): string | undefined {
  if (typeof error_description === 'string') return error_description;
  if (typeof error === 'string') return ENDINGS[error];
  const message = type === 'error' && Object(error).message;
  return typeof message === 'string' ? message : undefined;
}

/** fetch says only "fetch failed"; several addresses of one name fail together in one error. */
function causeOf(caught: unknown): string {
  const { cause = caught } = Object(caught) as { cause?: unknown };
  const {
    errors = [],
    message,
    code,
  } = Object(cause) as {
    readonly errors?: readonly Error[];
    readonly message?: string;
    readonly code?: string;
  };
  return errors.map((error) => error.message).join('; ') || message || code || String(cause);
}

const gateway = (process.argv[2] ?? 'http://127.0.0.1:8080').replace(/\/+$/, '');
try {
  if (!/^https?:$/.test(URL.parse(gateway)?.protocol ?? '')) {
    throw new Error(`${gateway} is no address of a gateway; accepted: http:// or https:// …`);
  }
  process.stdout.write(`${await signIn(gateway)}\n`);
} catch (caught) {
  const message = caught instanceof Error ? caught.message : String(caught);
  process.stderr.write(`Could not sign in: ${message}\n`);
  process.exitCode = 1;
}
