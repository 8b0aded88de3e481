// The last page of a sign-in, however it ended.

import { type Html, html } from './html.ts';
import { renderPage } from './page.ts';

/** Signed in: the terminal goes on by itself. */
export function signedInPage(email: string | null): string {
  const who = email === null ? null : html` as <strong>${email}</strong>`;
  return renderPage({
    title: 'Signed in',
    body: html`${mark('good')}<h1>You’re signed in</h1>
<p>Claude Code is connected${who}. Your terminal goes on by itself; you can close this tab.</p>`,
  });
}

/** Stopped by the person at the page. */
export function stoppedPage(): string {
  return renderPage({
    title: 'Sign-in stopped',
    body: html`${mark('bad')}<h1>You stopped this sign-in</h1>
<p>The device that asked was told no. If you didn’t start it, tell your IT administrator: somebody
may have tried to sign in as you.</p>`,
  });
}

/** Nothing to stop under this code. */
export function notWaitingPage(): string {
  return renderPage({
    title: 'Nothing to stop',
    body: html`<h1>This sign-in isn’t waiting for approval</h1>
<p>It may have expired, or already been approved or stopped. If you approved a sign-in you didn’t
start, tell your IT administrator now.</p>`,
  });
}

/** Ended without a session; `message` says why as far as a person may know. */
export function failedPage(message: string): string {
  return renderPage({
    title: 'Sign-in failed',
    body: html`${mark('bad')}<h1>We couldn’t finish signing you in</h1>
<p class="alert" role="alert">${message}</p>
<p>Close this tab and try signing in again from your device. If the error persists, share the
message above with your IT administrator.</p>`,
  });
}

/** Not the person's fault and not final: the device is still waiting. */
export function retryPage(message: string, userCode: string | null): string {
  const path = userCode === null ? '/device' : `/device?user_code=${encodeURIComponent(userCode)}`;
  return renderPage({
    title: 'Try again',
    body: html`${mark('bad')}<h1>We couldn’t finish signing you in yet</h1>
<p class="alert" role="alert">${message}</p>
<p>Your device is still waiting, nothing is lost.</p>
<a class="button go" href="${path}">Try again</a>`,
  });
}

function mark(kind: 'good' | 'bad'): Html {
  return kind === 'good'
    ? html`<div class="mark"><svg viewBox="0 0 24 24" aria-hidden="true">
<path d="M5 12.500l4.500 4.500L19 7.500"/></svg></div>`
    : html`<div class="mark bad"><svg viewBox="0 0 24 24" aria-hidden="true">
<path d="M12 6v7M12 17.500v.01"/></svg></div>`;
}
