// What a person sees while they connect a terminal: enter the code, or confirm the one they see.

import { isoTime } from '#shared/domain/clock.ts';
import type { DeviceGrant } from '#shared/ports/grant-store.ts';
import { type Html, html } from './html.ts';
import { renderPage } from './page.ts';

/** Where and when a terminal asked. */
export type RequestOrigin = Pick<DeviceGrant, 'requestedFrom' | 'requestedAtMs'>;

interface EnterCode {
  /** Why the last attempt did not work; null at first. */
  readonly refusal: string | null;
  readonly loginNotice: string | null;
}

/** A form for the code. */
export function enterCodePage({ refusal, loginNotice }: EnterCode): string {
  const described = refusal === null ? null : html` aria-describedby="refusal" aria-invalid="true"`;
  return renderPage({
    title: 'Connect your device',
    body: html`<h1>Enter the code from your device</h1>
<p>Claude Code shows a short code when you sign in. Enter it here, then sign in with your company’s
identity provider.</p>
${refusal === null ? null : html`<p class="alert" id="refusal" role="alert">${refusal}</p>`}
<form method="post" action="/device">
<label for="code">Code</label>
<input type="text" id="code" name="user_code"${described} autocomplete="off"
  autocapitalize="characters" spellcheck="false" placeholder="XXXX-XXXX"
  maxlength="9" autofocus required>
<button class="go" type="submit">Continue</button>
</form>
${notice(loginNotice)}`,
  });
}

interface ConfirmCode {
  /** As the link had it. */
  readonly userCode: string;
  /** Null when nobody is waiting under this code, or we would not say. */
  readonly origin: RequestOrigin | null;
  readonly nowMs: number;
  readonly loginNotice: string | null;
}

/** Asks whether this is the code on the person's own screen. Never submits by itself. */
export function confirmCodePage({ userCode, origin, nowMs, loginNotice }: ConfirmCode): string {
  return renderPage({
    title: 'Approve sign-in',
    body: html`<h1>Approve sign-in?</h1>
<p>A device is requesting access to Claude Code. <strong>Only continue if this code matches the one
shown on your device.</strong> If you didn’t start this, select Deny.</p>
<form method="post" action="/device">
<div class="code">${userCode}</div>
<input type="hidden" name="user_code" value="${userCode}">
${origin === null ? null : details(origin, nowMs)}
<button class="go" type="submit">This matches my device: continue</button>
<button class="deny" type="submit" formaction="/device/deny">Deny</button>
</form>
${notice(loginNotice)}`,
  });
}

function details({ requestedFrom, requestedAtMs }: RequestOrigin, nowMs: number): Html {
  return html`<dl>
<dt>Requested from</dt><dd>${requestedFrom}</dd>
<dt>Requested</dt><dd>${ago(nowMs - requestedAtMs)}, at <time datetime="${isoTime(
    requestedAtMs,
  )}">${isoTime(requestedAtMs).slice(11, 16)} UTC</time></dd>
</dl>`;
}

function ago(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 1) return 'just now';
  return minutes === 1 ? '1 minute ago' : `${minutes} minutes ago`;
}

function notice(text: string | null): Html | null {
  return text === null ? null : html`<p class="notice">${text}</p>`;
}
