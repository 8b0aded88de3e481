import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTestClock } from '../../../test/support/clock.ts';
import { createCircuit } from './circuit.ts';

function circuit() {
  const clock = createTestClock();
  return { clock, circuit: createCircuit({ clock, failuresMax: 3, openSeconds: 30 }) };
}

test('failures in a row open it, once; a success in between starts the count anew', () => {
  const { circuit: tried } = circuit();
  assert.deepEqual([tried.failed(), tried.failed()], [false, false]);
  assert.equal(tried.succeeded(), false);
  assert.deepEqual([tried.failed(), tried.failed(), tried.failed()], [false, false, true]);
  assert.equal(tried.failed(), false);
  assert.equal(tried.admits(), false);
});

test('while open it admits one caller per pause, and a success closes it', () => {
  const { circuit: tried, clock } = circuit();
  for (let count = 0; count < 3; count += 1) tried.failed();
  clock.advance(29_999);
  assert.equal(tried.admits(), false);
  clock.advance(1);
  assert.equal(tried.admits(), true);
  assert.equal(tried.admits(), false);
  assert.equal(tried.succeeded(), true);
  assert.equal(tried.admits(), true);
});

test('a destination that names its own pause is given it at once', () => {
  const { circuit: tried, clock } = circuit();
  tried.failed(120);
  clock.advance(119_000);
  assert.equal(tried.admits(), false);
  clock.advance(1_000);
  assert.equal(tried.admits(), true);
});
