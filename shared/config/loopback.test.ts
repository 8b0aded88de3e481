import assert from 'node:assert/strict';
import { test } from 'node:test';
import { innerPlace, innerPlaceOfUrl } from './loopback.ts';

const LOOPBACK = [
  'localhost',
  'LOCALHOST.',
  'api.localhost',
  'localhost.localdomain',
  '127.0.0.1',
  '127.9.9.9',
  '127.1',
  '2130706433',
  '0x7f000001',
  '0177.0.0.1',
  '0x7f.1',
  '0.0.0.0',
  '0',
  '::1',
  '[::1]',
  '::',
  '0:0:0:0:0:0:0:1',
  '::ffff:127.0.0.1',
  '::ffff:7f00:1',
  '::127.0.0.1',
  '64:ff9b::127.0.0.1',
  '2002:7f00:1::',
  '::1%eth0',
];
const METADATA = [
  '169.254.169.254',
  '2852039166',
  '0xa9fea9fe',
  '::ffff:169.254.169.254',
  '::ffff:a9fe:a9fe',
  '[fd00:ec2::254]',
  'fd20:ce::254',
  'metadata.google.internal',
  'Metadata.Google.Internal.',
  '100.100.100.200',
  '169.254.170.2',
  '64:ff9b::a9fe:a9fe',
];
const LINK_LOCAL = ['169.254.1.1', 'fe80::1', '[fe80::1%25eth0]', 'febf::1'];
const ELSEWHERE = [
  'api.anthropic.com',
  '10.0.0.1',
  '192.168.1.1',
  '128.0.0.1',
  '8.8.8.8',
  '2001:db8::1',
  'fec0::1',
  'localhost.example.com',
  'mylocalhost',
  '1.2.3.4.5',
  '256.1.1.1',
  '::ffff:8.8.8.8',
  ':::',
  '1::2::3',
  '',
  'fd00::1',
  '64:ff9b::8.8.8.8',
  'metadata.example.com',
  '4294967296',
];

test('every spelling of the own machine is loopback', () => {
  for (const host of LOOPBACK) assert.equal(innerPlace(host), 'loopback', host);
});

test('every spelling of a metadata service is metadata', () => {
  for (const host of METADATA) assert.equal(innerPlace(host), 'metadata', host);
});

test('link-local addresses are told apart', () => {
  for (const host of LINK_LOCAL) assert.equal(innerPlace(host), 'link-local', host);
});

test('private and public hosts are let through', () => {
  for (const host of ELSEWHERE) assert.equal(innerPlace(host), undefined, host);
});

test('a URL is judged by its host alone', () => {
  assert.equal(innerPlaceOfUrl('https://user:x@2130706433:8443/a?b#c'), 'loopback');
  assert.equal(innerPlaceOfUrl('http://[::ffff:127.0.0.1]/'), 'loopback');
  assert.equal(innerPlaceOfUrl('https://127.0.0.1.example.com/'), undefined);
  assert.equal(innerPlaceOfUrl('not a url'), undefined);
});
