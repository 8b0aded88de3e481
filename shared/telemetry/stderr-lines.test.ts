import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { describe, test } from 'node:test';
import { gatherLines } from './stderr-lines.ts';

const LOG = JSON.stringify(new URL('./pino-log.ts', import.meta.url));
const START = `
  const { createLog } = await import(${LOG});
  const log = createLog({ level: 'info', format: 'json', clock: { now: () => 0 } });
  const say = (from, to) => { for (let n = from; n <= to; n += 1) log.audit('said', { n }); };
`;

interface Left {
  readonly code: number | null;
  /** The lines that are ours; node's own, of an exception for one, are not. */
  readonly lines: readonly Record<string, unknown>[];
}

/** Runs a process with a log; `signal`: sent when its first line was read. */
async function leftBy(script: string, signal?: NodeJS.Signals): Promise<Left> {
  const args = ['--input-type=module', '-e', START + script];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'pipe'] });
  let text = '';
  child.stderr.setEncoding('utf8').on('data', (part) => {
    if (text === '' && signal !== undefined) child.kill(signal);
    text += part;
  });
  const [code] = await once(child, 'close');
  const lines = text.split('\n').filter((line) => line.startsWith('{'));
  return { code, lines: lines.map((line) => JSON.parse(line)) };
}

const numbers = ({ lines }: Left) => lines.flatMap(({ n }) => (typeof n === 'number' ? [n] : []));
const upTo = (last: number) => Array.from({ length: last }, (_, index) => index + 1);

describe('no line is lost, and none overtakes another', () => {
  for (const [how, script, code] of [
    ['by itself', 'say(1, 500);', 0],
    ['by process.exit', 'say(1, 500); process.exit(3);', 3],
    ['by an exception', 'say(1, 500); throw new Error("no");', 1],
    ['by one that comes later', 'setTimeout(() => { say(1, 5); throw new Error("no"); }, 1);', 1],
    ['by a rejection', 'say(1, 500); void Promise.reject(new Error("no"));', 1],
  ] as const) {
    test(`when the process ends ${how}`, async () => {
      const left = await leftBy(script);
      assert.equal(left.code, code);
      assert.deepEqual(numbers(left), upTo(script.includes('500') ? 500 : 5));
    });
  }

  test('when a signal asks it to stop', async () => {
    const script = `
      const waiting = setInterval(() => {}, 1000);
      process.on('SIGTERM', () => { say(2, 300); clearInterval(waiting); });
      say(1, 1);`;
    const left = await leftBy(script, 'SIGTERM');
    assert.deepEqual([left.code, numbers(left)], [0, upTo(300)]);
  });

  test('when lines come in turns of the event loop', async () => {
    const left = await leftBy(`
      for (let n = 1; n <= 400; n += 1) {
        say(n, n);
        if (n % 40 === 0) await new Promise((resolve) => setTimeout(resolve, 3));
      }`);
    assert.deepEqual(numbers(left), upTo(400));
  });
});

test('a killed process leaves its error and what came before', async () => {
  const left = await leftBy(
    `setInterval(() => {}, 1000);
     say(1, 2); log.error('broken');`,
    'SIGKILL',
  );
  assert.deepEqual(
    left.lines.map(({ n, message }) => n ?? message),
    [1, 2, 'broken'],
  );
});

test('a reader that is too slow costs lines, which are counted, and not memory', async () => {
  const left = await leftBy(`
    for (let n = 1; n <= 20; n += 1) {
      for (let k = 0; k < 1000; k += 1) log.audit('said', { n, text: 'x'.repeat(1000) });
    }`);
  const kept = numbers(left).length;
  assert.ok(kept > 10_000 && kept < 17_000, `${kept} lines of 1 KB were kept`);
  const told = left.lines.filter(({ severity }) => severity === 'WARNING');
  assert.deepEqual(
    told.map(({ lines }) => lines),
    [20_000 - kept],
  );
});

test('lines of one moment are handed on together, in pieces of whole lines of 4 KB at most', (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const pieces: string[] = [];
  const lines = gatherLines({ write: (text) => pieces.push(text) });
  lines.write('a\n');
  lines.write('b\n');
  assert.deepEqual(pieces, []);
  t.mock.timers.tick(10);
  assert.deepEqual(pieces, ['a\nb\n']);
  for (const char of 'cde') lines.write(`${char.repeat(1999)}\n`);
  lines.write(`${'€'.repeat(1500)}\n`);
  lines.flush();
  t.mock.timers.tick(10);
  assert.deepEqual(
    pieces.slice(1).map((piece) => Buffer.byteLength(piece)),
    [4000, 2000, 4501],
  );
});
