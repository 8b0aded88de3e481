import assert from 'node:assert/strict';
import { test } from 'node:test';
import { drawSecret, drawUserCode, parseUserCode, renderUserCode } from './codes.ts';
import { networkOf } from './network-limit.ts';

test('user codes are eight letters of the twenty, and all twenty are drawn', () => {
  const codes = Array.from({ length: 400 }, drawUserCode);
  assert.ok(codes.every((code) => /^[BCDFGHJKMNPQRSTVWXYZ]{8}$/.test(code)));
  assert.equal(new Set(codes.join('')).size, 20);
  assert.equal(drawSecret().length, 43);
});

test('case, dashes and spaces of a typed code do not matter, anything else does', () => {
  assert.equal(renderUserCode('BCDFGHJK'), 'BCDF-GHJK');
  for (const typed of ['bcdf-ghjk', 'BCDFGHJK', ' BCDF GHJK ', 'bcdf--ghjk']) {
    assert.equal(parseUserCode(typed), 'BCDFGHJK', typed);
  }
  for (const typed of [null, '', 'BCDF', 'BCDFGHJKM', 'ABCDEFGH', '<b>abc', 'BCDF.GHJK']) {
    assert.equal(parseUserCode(typed), null, String(typed));
  }
});

test('a network is an IPv4 address or an IPv6 /64, however it is written', () => {
  const cases = {
    '192.0.2.1': '192.0.2.1',
    '::ffff:192.0.2.1': '192.0.2.1',
    '2001:db8:1:2:3:4:5:6': '2001:db8:1:2::/64',
    '2001:DB8:0001:2::9': '2001:db8:1:2::/64',
    '2001:db8::1': '2001:db8:0:0::/64',
    '::1': '0:0:0:0::/64',
    'fe80::1%eth0': 'fe80:0:0:0::/64',
  };
  for (const [ip, network] of Object.entries(cases)) assert.equal(networkOf(ip), network, ip);
});
