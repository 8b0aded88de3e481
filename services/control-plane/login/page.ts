// The frame of every sign-in page: one column, one card, light and dark, no script. The style
// block is a constant, so the policy can name it by its hash.

import { createHash } from 'node:crypto';
import { type Html, html } from './html.ts';
import { PAGE_STYLE } from './page-style.ts';

const STYLE_HASH = createHash('sha256').update(PAGE_STYLE).digest('base64');

export interface Page {
  readonly title: string;
  readonly body: Html;
}

/** A whole document. */
export function renderPage({ title, body }: Page): string {
  const logo = html`<svg viewBox="0 0 24 24" aria-hidden="true">
<path d="M5 5v14M10 5v14M15 5v14M20 5v14M2.500 15.500l19-7"/></svg>`;
  return html`<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="robots" content="noindex">
<title>${title} · Tallygate</title>
<style>${{ html: PAGE_STYLE }}</style>
</head>
<body>
<header>${logo}<span>Tallygate</span></header>
<main>${body}</main>
<footer>Sign-in for Claude Code, kept by your organization.</footer>
</body>
</html>
`.html;
}

/**
 * Headers of a sign-in page. Browsers hold a form's redirects to `form-action` too, so the IdP's
 * origin must be in it where a form leads there.
 */
export function pageHeaders(formActionOrigins: readonly string[] = []): Record<string, string> {
  const formAction = ["'self'", ...new Set(formActionOrigins)].join(' ');
  return {
    'content-security-policy':
      `default-src 'none'; style-src 'sha256-${STYLE_HASH}'; frame-ancestors 'none'; ` +
      `form-action ${formAction}; base-uri 'none'`,
    'cache-control': 'no-store',
    pragma: 'no-cache',
  };
}
