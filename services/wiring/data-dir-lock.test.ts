// Who may work on a data_dir: one process, as long as it lives.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, beforeEach, test } from 'node:test';
import { AppError } from '#shared/errors/app-error.ts';
import { lockDataDir } from './data-dir-lock.ts';

const MODULE = import.meta.resolve('./data-dir-lock.ts');
/** Takes the lock, says so or why not, and then never ends by itself. */
const HOLDER = `
  const { lockDataDir } = await import(${JSON.stringify(MODULE)});
  const say = (text) => void process.stdout.write(text);
  const lock = await lockDataDir(process.argv[1]).catch((error) => say(error.message));
  if (lock !== undefined) say('locked');
  setInterval(() => lock, 1000);`;

const root = mkdtempSync(join(tmpdir(), 'tallygate-lock-'));
after(() => rmSync(root, { recursive: true, force: true }));
let directory: string;
beforeEach(() => {
  directory = join(mkdtempSync(join(root, 'a-')), 'data');
});

interface Holder extends AsyncDisposable {
  /** What it said first. */
  readonly said: string;
}

/** Disposed with kill -9. */
async function startHolder(at: string): Promise<Holder> {
  const child: ChildProcess = spawn(process.execPath, ['--input-type=module', '-e', HOLDER, at], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const closed = once(child, 'close');
  const [chunk] = await once(child.stdout!, 'data');
  return {
    said: String(chunk).trim(),
    async [Symbol.asyncDispose]() {
      child.kill('SIGKILL');
      await closed;
    },
  };
}

function isInUse(at: string) {
  return (error: unknown): boolean => {
    assert.ok(error instanceof AppError && error.code === 'unavailable', String(error));
    const sentence = `The directory ${at} is in use by another Tallygate; stop that one, or give this `;
    assert.ok(error.message.startsWith(sentence), error.message);
    return true;
  };
}

test('a second process is refused while the first lives, and served once it was killed', async () => {
  {
    await using holder = await startHolder(directory);
    assert.equal(holder.said, 'locked');
    await assert.rejects(lockDataDir(directory), isInUse(directory));
    await using other = await startHolder(directory);
    assert.match(other.said, /^The directory \S+ is in use by another Tallygate; /);
  }
  // Of the killed process an empty file is left, and its lock is not.
  assert.deepEqual(readdirSync(directory), ['in-use.lock']);
  assert.equal(statSync(join(directory, 'in-use.lock')).size, 0);
  await using _lock = await lockDataDir(directory);
  await using other = await startHolder(directory);
  assert.match(other.said, / is in use by /);
});

test('of many that start together one gets it', async () => {
  const starting = await Promise.all(Array.from({ length: 5 }, () => startHolder(directory)));
  await using all = new AsyncDisposableStack();
  for (const holder of starting) all.use(holder);
  assert.equal(starting.filter(({ said }) => said === 'locked').length, 1);
});

test('one process cannot have it twice, and gives it back', async () => {
  const lock = await lockDataDir(directory);
  await assert.rejects(lockDataDir(directory), isInUse(directory));
  // The attempts in vain have not loosened it.
  {
    await using other = await startHolder(directory);
    assert.match(other.said, / is in use by /);
  }
  await lock[Symbol.asyncDispose]();
  await lock[Symbol.asyncDispose]();
  await using again = await startHolder(directory);
  assert.equal(again.said, 'locked');
});

test('another name of the directory is the same directory', async () => {
  await using _lock = await lockDataDir(directory);
  const alias = `${directory}-alias`;
  symlinkSync(directory, alias);
  await assert.rejects(lockDataDir(alias), isInUse(alias));
  await using other = await startHolder(alias);
  assert.match(other.said, / is in use by /);
});

test('it is its owner’s alone', async () => {
  await using _lock = await lockDataDir(directory);
  const modes = [directory, join(directory, 'in-use.lock')].map((at) => statSync(at).mode & 0o777);
  assert.deepEqual(modes, [0o700, 0o600]);
});

test('a directory that cannot be used is told as such', async () => {
  const file = `${directory}-file`;
  writeFileSync(file, '');
  await assert.rejects(lockDataDir(file), (error) => {
    assert.ok(error instanceof AppError && error.code === 'unavailable', String(error));
    assert.match(error.message, /^The directory \S+-file cannot be used; check data_dir, its disk/);
    return true;
  });
});
