// The demo provider's sign-in page: pick who you are, no password. Looks unlike the gateway's
// pages on purpose, so that a newcomer sees whose page they are on.

import { createHash } from 'node:crypto';
import type { DemoPerson } from './people.ts';

const STYLE = `
:root {
  color-scheme: light dark;
  --ground: light-dark(#eef1f8, #10131c); --card: light-dark(#ffffff, #191e2b);
  --line: light-dark(#d5dbea, #2f3750); --text: light-dark(#171c2b, #e9ecf6);
  --soft: light-dark(#56607a, #a3adc9); --accent: light-dark(#3b4fc4, #9fb0ff);
}
* { box-sizing: border-box; }
body {
  margin: 0; min-height: 100vh; padding: 24px 16px; display: grid; place-content: center;
  justify-items: center; gap: 18px; background: var(--ground); color: var(--text);
  font: 16px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "Noto Sans", sans-serif;
}
main {
  width: min(430px, calc(100vw - 32px)); padding: 32px; background: var(--card);
  border: 1px solid var(--line); border-radius: 16px; box-shadow: 0 12px 32px rgb(10 20 60 / 8%);
}
.tag {
  display: inline-block; padding: 3px 10px; border-radius: 99px; border: 1px solid var(--line);
  color: var(--soft); font-size: 13px; font-weight: 600;
}
h1 { margin: 14px 0 6px; font-size: 24px; letter-spacing: -0.02em; }
p { margin: 0 0 20px; color: var(--soft); }
form { display: grid; gap: 10px; margin: 0; }
button {
  display: grid; grid-template-columns: 44px 1fr; gap: 0 14px; align-items: center; width: 100%;
  padding: 12px 14px; border: 1px solid var(--line); border-radius: 12px; background: transparent;
  color: inherit; font: inherit; text-align: left; cursor: pointer;
}
button:hover { border-color: var(--accent); }
button:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
.face {
  display: grid; place-items: center; width: 44px; height: 44px; border-radius: 50%;
  background: var(--accent); color: var(--card); font-weight: 700;
}
.who strong { display: block; }
.who span { display: block; color: var(--soft); font-size: 14px; }
footer { color: var(--soft); font-size: 13px; text-align: center; }
`;

const STYLE_HASH = createHash('sha256').update(STYLE).digest('base64');

/** `clientOrigin`: browsers hold the form's redirects to `form-action` too. */
export function pageHeaders(clientOrigin: string | null): Record<string, string> {
  const formAction = clientOrigin === null ? "'self'" : `'self' ${clientOrigin}`;
  return {
    'content-type': 'text/html;charset=utf-8',
    'content-security-policy':
      `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; frame-ancestors 'none'; ` +
      `form-action ${formAction}; base-uri 'none'`,
    'cache-control': 'no-store',
    'referrer-policy': 'no-referrer',
    'x-content-type-options': 'nosniff',
  };
}

/** Posts `person` back to the page's own address. */
export function signInPage(people: readonly DemoPerson[]): string {
  const buttons = people.map(
    (person) => `<button type="submit" name="person" value="${escapeHtml(person.sub)}">
<span class="face" aria-hidden="true">${escapeHtml(person.name.slice(0, 1))}</span>
<span class="who"><strong>${escapeHtml(person.name)}</strong>
<span>${escapeHtml(person.email)}</span>
<span>${escapeHtml(`${person.role} · ${person.groups.join(', ')}`)}</span></span></button>`,
  );
  return page(
    'Choose a person',
    `<h1>Who are you today?</h1>
<p>This stands in for your company’s identity provider. Pick a person; there is no password.</p>
<form method="post">${buttons.join('\n')}</form>`,
  );
}

/** What went wrong, in the provider's own words. */
export function errorPage(message: string): string {
  return page('Sign-in failed', `<h1>That did not work</h1><p>${escapeHtml(message)}</p>`);
}

function page(title: string, body: string): string {
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${title} · Demo identity provider</title><style>${STYLE}</style></head>
<body><main><span class="tag">Demo identity provider</span>${body}</main>
<footer>Runs on this machine only. Never use it for real people.</footer></body></html>
`;
}

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
