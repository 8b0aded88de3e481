// The one place that loads oidc-provider: on demand, since a gateway with a real identity provider does
// not need it, and `npm ci --omit=dev` leaves it out.

import { AppError } from '#shared/errors/app-error.ts';

/**
 * What it prints at import on a Node that is no LTS release yet. It has no setting for it. The
 * sign-in journeys run on the pinned Node, so the notice tells a newcomer nothing.
 */
const NOTICE = 'oidc-provider WARNING: Unsupported runtime';

/** @throws AppError `unavailable` when it is not installed. */
export async function importOidcProvider(): Promise<typeof import('oidc-provider')> {
  const { warn } = console;
  // This one sentence, and only while it is imported; whatever else is said is passed on.
  console.warn = (...said: unknown[]) => {
    if (!String(said[0]).includes(NOTICE)) warn(...said);
  };
  try {
    return await import('oidc-provider');
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw cause;
    const message =
      'The demo needs a development dependency that npm ci --omit=dev leaves out: run npm ci. ' +
      'The real thing does without: npm start -- --config gateway.yaml.';
    throw new AppError('unavailable', message, { cause });
  } finally {
    console.warn = warn;
  }
}
