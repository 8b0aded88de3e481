import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { skipUnless } from './needed.ts';
import { findTmux, openTerminal } from './terminal.ts';

const DEADLINE_MS = 10_000;
const skip = skipUnless(await findTmux());
const env = { PATH: '/usr/bin:/bin', SECRET_OF_THE_TEST: 'mine' };

test('a terminal types into a command, shows its screen and reports its end', {
  skip,
}, async () => {
  const command = ['sh', '-c', 'read line; echo "got $line in $TERM"; exit 7'] as const;
  await using terminal = await openTerminal({ command, env, cwd: tmpdir() });
  await terminal.type('two words');
  await terminal.press('Enter');
  assert.match(
    await terminal.waitForScreen(/^got/m, DEADLINE_MS),
    /got two words in xterm-256color/,
  );
  assert.equal(await terminal.waitForEnd(DEADLINE_MS), 7);
});

test('the command sees the environment it was given and nothing of tmux', { skip }, async () => {
  const command = ['sh', '-c', 'env; echo all'] as const;
  await using terminal = await openTerminal({ command, env, cwd: tmpdir() });
  const seen = await terminal.waitForScreen(/^all$/m, DEADLINE_MS);
  assert.match(seen, /^SECRET_OF_THE_TEST=mine$/m);
  assert.doesNotMatch(seen, /TMUX|^USER=|^HOME=/m);
});

test('a screen that never comes is told with the screen that stood there', { skip }, async () => {
  const command = ['sh', '-c', 'echo something else; read line'] as const;
  await using terminal = await openTerminal({ command, env, cwd: tmpdir() });
  await terminal.waitForScreen(/else/, DEADLINE_MS);
  await assert.rejects(terminal.waitForScreen(/wanted/, 100), /wanted.*100 ms.*\n.*something else/);
});

test('closing a terminal ends a command that ignores the hangup', { skip }, async () => {
  const command = ['sh', '-c', 'trap "" HUP; echo pid=$$; exec sleep 600'] as const;
  const terminal = await openTerminal({ command, env, cwd: tmpdir() });
  const pid = Number(/pid=(\d+)/.exec(await terminal.waitForScreen(/pid=\d+/, DEADLINE_MS))?.[1]);
  await terminal.close();
  assert.equal(isRunning(pid), false);
});

function isRunning(pid: number): boolean {
  const path = `/proc/${pid}/status`;
  return existsSync(path) && !/^State:\s+Z/m.test(readFileSync(path, 'utf8'));
}
