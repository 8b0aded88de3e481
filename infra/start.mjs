// What `npm start` runs. One process with the gateway, so that a signal to npm reaches it: npm signals
// its direct child, and a shell in between dies of the signal without passing it on (Debian's dash
// forks even for a single command, hence the `exec` in package.json).

// First, and plain JavaScript: it must be able to speak on a Node that cannot read what follows.
import './require-node.mjs';

// V8's nursery grows by what survives while a program is loaded, to 32 MB that it never gives back though
// the gateway needs 1 MB of it until there is load. So it is loaded as a program that spares memory, until
// `letHeapGrow`. First of all: what was compiled is kept for each setting of V8 apart.
const { setFlagsFromString } = await import('node:v8');
setFlagsFromString('--memory-saver-mode');

// What V8 compiled is kept, without its types: later starts take half the time and less memory. Where
// the folder cannot be written there is none, and nothing else changes.
const { enableCompileCache } = await import('node:module');
enableCompileCache(`${import.meta.dirname}/../node_modules/.cache/tallygate`);

await import('../services/main.ts');
