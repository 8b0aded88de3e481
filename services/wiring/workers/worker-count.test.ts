import assert from 'node:assert/strict';
import { test } from 'node:test';
import { countWorkers } from './worker-count.ts';

const found = (plane: 'data' | 'control' | 'all', workers: number, told?: string) => {
  const count = countWorkers({ config: { workers }, plane, told });
  return typeof count === 'number' ? count : count.message;
};

test('the command line goes before the file', () => {
  assert.equal(found('data', 4), 4);
  assert.equal(found('data', 4, '2'), 2);
  assert.equal(found('all', 4, '1'), 1);
});

test('a control plane is one process, whatever the file that it shares says', () => {
  assert.equal(found('control', 4), 1);
  assert.match(String(found('control', 1, '4')), /^--workers: found 4, with --plane control; /);
});

test('both planes in one process cannot be several', () => {
  const accepted = 'accepted: 1; or --plane data, with --plane control as a process beside it.';
  const sentence = `found 4, with --plane all, which is one process; ${accepted}`;
  assert.equal(found('all', 4), `workers: ${sentence}`);
  assert.equal(found('all', 1, '4'), `--workers: ${sentence}`);
});

test('nonsense is a fault', () => {
  for (const told of ['0', '-1', '1.5', '129', '1e2', 'many', '', ' 2']) {
    const sentence = `--workers: found ${JSON.stringify(told)}; accepted: a whole number from 1 to 128.`;
    assert.equal(found('data', 1, told), sentence);
  }
});
