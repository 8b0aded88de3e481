import assert from 'node:assert/strict';
import { test } from 'node:test';
import { AppError } from '#shared/errors/app-error.ts';
import { type RedisAddress, type RedisAddressOptions, redisAddress } from './redis-address.ts';

const READ: readonly (readonly [RedisAddressOptions, RedisAddress])[] = [
  [{ url: 'redis://cache' }, { host: 'cache', port: 6379, db: 0 }],
  [{ url: 'redis://10.0.0.3:6380/2' }, { host: '10.0.0.3', port: 6380, db: 2 }],
  [{ url: 'redis://[fd00::3]:6380/' }, { host: 'fd00::3', port: 6380, db: 0 }],
  [{ url: 'rediss://cache' }, { host: 'cache', port: 6379, db: 0, tls: {} }],
  [
    { url: 'redis://cache', tls: true },
    { host: 'cache', port: 6379, db: 0, tls: {} },
  ],
  [
    { url: 'redis://me:p%40ss@cache' },
    { host: 'cache', port: 6379, db: 0, username: 'me', password: 'p@ss' },
  ],
  [
    { url: 'redis://me:old@cache', username: 'you', password: 'new' },
    { host: 'cache', port: 6379, db: 0, username: 'you', password: 'new' },
  ],
  // Options of the client are not taken from a URL.
  [{ url: 'redis://cache?enableOfflineQueue=true' }, { host: 'cache', port: 6379, db: 0 }],
];

for (const [options, address] of READ) {
  test(`reads ${options.url}`, () => assert.deepEqual(redisAddress(options), address));
}

const REFUSED: readonly (readonly [RedisAddressOptions, RegExp])[] = [
  [{ url: 'me:s3cret@cache' }, /URL of Redis must read/],
  [{ url: 'http://me:s3cret@cache' }, /URL of Redis must read/],
  [{ url: 'redis://me:s3cret@cache/zero' }, /URL of Redis must read/],
  [{ url: 'redis://me:s3cret%@cache' }, /percent-encoded/],
  [{ url: 'rediss://cache', tls: { ca: 's3cret' } }, /not PEM/],
];

for (const [options, message] of REFUSED) {
  test(`refuses ${options.url} without repeating it`, () => {
    assert.throws(
      () => redisAddress(options),
      (error) => {
        assert(error instanceof AppError);
        assert.equal(error.code, 'invalid_request');
        assert.match(error.message, message);
        assert.doesNotMatch(`${error.message} ${error.detail} ${error.cause}`, /s3cret/);
        return true;
      },
    );
  });
}
