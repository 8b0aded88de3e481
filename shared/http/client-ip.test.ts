import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { clientIp, createAddressList } from './client-ip.ts';

const TRUSTED = createAddressList(['127.0.0.1', '10.0.0.0/8', '2001:db8:1::/48']);

describe('the client is the first hop from the right that is no trusted proxy', () => {
  // [peer, X-Forwarded-For, client or null where it cannot be read]; the first five were captured.
  for (const [peer, forwarded, expected] of [
    ['127.0.0.1', '10.0.0.1, 10.0.0.2', '127.0.0.1'],
    ['127.0.0.1', '203.0.113.5, 10.1.1.1', '203.0.113.5'],
    ['127.0.0.1', '192.0.2.5, 203.0.113.9', '203.0.113.9'],
    ['127.0.0.1', '203.0.113.5', '203.0.113.5'],
    ['127.0.0.1', '', '127.0.0.1'],
    ['127.0.0.1', undefined, '127.0.0.1'],
    ['::ffff:127.0.0.1', '203.0.113.5', '203.0.113.5'],
    ['203.0.113.1', '192.0.2.5', '203.0.113.1'],
    ['::ffff:203.0.113.1', undefined, '203.0.113.1'],
    ['127.0.0.1', '203.0.113.5:443', '203.0.113.5'],
    ['127.0.0.1', '[2001:db8::5]:443, 2001:db8:1::9', '2001:db8::5'],
    ['127.0.0.1', '[2001:db8::5]', '2001:db8::5'],
    ['127.0.0.1', '::FFFF:203.0.113.5', '203.0.113.5'],
    ['127.0.0.1', 'spoofed, 203.0.113.5, 10.0.0.1', '203.0.113.5'],
    ['127.0.0.1', '203.0.113.5, unknown, 10.0.0.1', null],
    ['127.0.0.1', '203.0.113.256', null],
    ['127.0.0.1', '_hidden', null],
  ] as const) {
    test(`${peer} with "${forwarded}" is ${expected ?? 'unreadable'}`, () => {
      const found = clientIp(peer, forwarded, TRUSTED);
      assert.deepEqual(found, expected === null ? { ok: false } : { ok: true, ip: expected });
    });
  }

  test('without trusted proxies nothing that a client writes counts', () => {
    const found = clientIp('127.0.0.1', '203.0.113.5', createAddressList([]));
    assert.deepEqual(found, { ok: true, ip: '127.0.0.1' });
  });
});
