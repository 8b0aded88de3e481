// `npm test`: types, lint and format, then every test file. Each stage runs even when one before it
// failed, so that one run tells everything.

import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const files = globSync([
  'shared/**/*.test.ts',
  'services/**/*.test.ts',
  'test/**/*.test.ts',
]).sort();

const stages: readonly (readonly [name: string, command: string, args: readonly string[]])[] = [
  ['types', 'tsc', ['--noEmit']],
  ['lint and format', 'biome', ['check', '--error-on-warnings', '.']],
  [
    'tests',
    process.execPath,
    ['--test', '--test-concurrency=2', '--test-timeout=240000', ...files],
  ],
];

const env = {
  ...process.env,
  TALLYGATE_ALLOW_LOOPBACK: '1',
  NODE_COMPILE_CACHE:
    process.env['NODE_COMPILE_CACHE'] ?? join(tmpdir(), 'tallygate-compile-cache'),
};

const failed = stages.filter(([name, command, args]) => {
  const startedAt = performance.now();
  console.log(`\n── ${name}`);
  const { status, error } = spawnSync(command, args, { stdio: 'inherit', env });
  if (error !== undefined) console.log(`${command}: ${error.message}`);
  console.log(
    `── ${name}: ${status === 0 ? 'passed' : 'FAILED'} in ${Math.round(performance.now() - startedAt)} ms`,
  );
  return status !== 0;
});

process.exitCode = failed.length === 0 ? 0 : 1;
