import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createFault } from './fault.ts';
import { renderFaults, renderWarnings } from './render-faults.ts';

test('faults come under a heading with their number, one line each', () => {
  const faults = [createFault('listen.port', '"x"', 'a number'), createFault('', 'a', 'b')];
  assert.equal(
    renderFaults(faults, 'my.yaml'),
    'my.yaml has 2 faults; nothing was started or changed:\n' +
      '  listen.port: found "x"; accepted: a number.\n' +
      '  gateway.yaml: found a; accepted: b.\n',
  );
});

test('a value cannot move the cursor or forge a line', () => {
  const [fault] = [createFault('a\u001b[2J\nb', '\u202ex', 'y')];
  assert.match(renderFaults([fault!]), /^.*\n {2}a \[2J b: found {2}x; accepted: y\.\n$/);
});

test('no warnings are no text', () => {
  assert.equal(renderWarnings([]), '');
  assert.equal(
    renderWarnings([{ path: 'a', message: 'a: is odd.' }]),
    'gateway.yaml: a: is odd.\n',
  );
});
