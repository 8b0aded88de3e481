// What `npm start` runs. One process with the gateway, so that a signal to npm reaches it: npm signals
// its direct child, and a shell in between dies of the signal without passing it on (Debian's dash
// forks even for a single command, hence the `exec` in package.json).

// First, and plain JavaScript: it must be able to speak on a Node that cannot read what follows.
import './require-node.mjs';

await import('../services/main.ts');
