import { readFileSync } from 'node:fs';
import type { Route } from '#shared/http/route.ts';

const PROTOCOL = readFileSync(new URL('./protocol.md', import.meta.url));

const LANDING = `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>Tallygate</title>
<style>
:root { color-scheme: light dark; font: 16px/1.6 system-ui, sans-serif; }
body { max-width: 38rem; margin: 12vh auto; padding: 0 1.5rem; }
h1 { font-size: 1.75rem; letter-spacing: -0.02em; margin: 0 0 0.5rem; }
p { margin: 0 0 1rem; }
code { font: 0.9em ui-monospace, monospace; padding: 0.1em 0.35em; border: 1px solid; border-radius: 0.3em; }
</style>
</head>
<body>
<main>
<h1>Tallygate</h1>
<p>This is your organisation's gateway for Claude Code. There is nothing to do in this page:
run <code>/login</code> in Claude Code and sign in with your company account.</p>
<p>Signing in from a terminal that shows you a code? <a href="/device">Enter it here</a>.</p>
<p>The contract for clients is at <a href="/protocol">/protocol</a>.</p>
</main>
</body>
</html>
`;

const CSP =
  "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'; form-action 'none'; base-uri 'none'";

/** What a person sees who opens the gateway's address in a browser. */
export function createPageRoutes(): Route[] {
  const page = (path: string, contentType: string, body: string | Buffer): Route => ({
    path,
    methods: ['GET', 'HEAD'],
    access: 'public',
    handle: ({ res }) => {
      res.writeHead(200, { 'content-type': contentType, 'content-security-policy': CSP }).end(body);
    },
  });
  return [
    page('/', 'text/html; charset=utf-8', LANDING),
    page('/protocol', 'text/markdown; charset=utf-8', PROTOCOL),
  ];
}
