import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nearMiss } from './near-miss.ts';

const KEYS = ['issuer', 'client_id', 'client_secret', 'use_pkce', 'host'];

test('a slip of the keyboard names the key that was meant', () => {
  assert.equal(nearMiss('isuer', KEYS), 'issuer');
  assert.equal(nearMiss('clientId', KEYS), 'client_id');
  assert.equal(nearMiss('client-secret', KEYS), 'client_secret');
  assert.equal(nearMiss('hsot', KEYS), 'host');
});

test('something else altogether names nothing', () => {
  assert.equal(nearMiss('colour', KEYS), undefined);
  assert.equal(nearMiss('foo', KEYS), undefined);
});
