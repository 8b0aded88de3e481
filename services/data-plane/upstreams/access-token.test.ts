import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { AppError } from '#shared/errors/app-error.ts';
import { createTestClock } from '../../../test/support/clock.ts';
import { createMemoryLog } from '../../../test/support/log.ts';
import { type AccessToken, createTokenSource } from './access-token.ts';

const HOUR_MS = 3_600_000;

/** A token source whose fetches a test answers one by one. */
function openSource() {
  const clock = createTestClock();
  const log = createMemoryLog();
  const asked: PromiseWithResolvers<AccessToken>[] = [];
  const source = createTokenSource({
    issuer: 'Google',
    clock,
    log,
    fetchToken() {
      const pending = Promise.withResolvers<AccessToken>();
      asked.push(pending);
      return pending.promise;
    },
  });
  const give = async (token: string, lifeMs = HOUR_MS) => {
    asked.at(-1)?.resolve({ token, expiresAtMs: clock.now() + lifeMs });
    await new Promise(setImmediate);
  };
  const fail = async () => {
    asked.at(-1)?.reject(new Error('invalid_grant'));
    await new Promise(setImmediate);
  };
  return { source, clock, log, asked, give, fail };
}

/** A source that holds `t1` for an hour. */
async function openWithToken() {
  const world = openSource();
  const first = world.source.token();
  await world.give('t1');
  assert.equal(await first, 't1');
  return world;
}

describe('an access token', () => {
  test('is fetched once for however many ask, then kept', async () => {
    const { source, asked, give, clock } = openSource();
    const waiting = Promise.all(Array.from({ length: 50 }, () => source.token()));
    await give('t1');
    assert.deepEqual(new Set(await waiting), new Set(['t1']));
    clock.advance(HOUR_MS - 300_001);
    assert.equal(await source.token(), 't1');
    assert.equal(asked.length, 1);
  });

  test('is refreshed five minutes ahead, once, while the old one serves', async () => {
    const { source, asked, give, clock, log } = await openWithToken();
    clock.advance(HOUR_MS - 300_000);
    const served = await Promise.all(Array.from({ length: 50 }, () => source.token()));
    assert.deepEqual([new Set(served), asked.length], [new Set(['t1']), 2]);
    await give('t2');
    assert.equal(await source.token(), 't2');
    assert.deepEqual([asked.length, log.lines.length], [2, 0]);
  });

  test('that cannot be refreshed ahead serves on, is logged once and tried again in 5 s', async () => {
    const { source, asked, give, fail, clock, log } = await openWithToken();
    clock.advance(HOUR_MS - 300_000);
    await Promise.all(Array.from({ length: 50 }, () => source.token()));
    await fail();
    assert.deepEqual(
      log.lines.map(({ level, message }) => [level, message]),
      [['warn', 'an access token of Google could not be refreshed']],
    );
    clock.advance(4_999);
    assert.equal(await source.token(), 't1');
    assert.equal(asked.length, 2);
    clock.advance(1);
    assert.equal(await source.token(), 't1');
    assert.equal(asked.length, 3);
    await give('t2');
    assert.equal(await source.token(), 't2');
  });

  test('in its last seconds is not sent any more: everybody waits for the next', async () => {
    const { source, give, clock } = await openWithToken();
    clock.advance(HOUR_MS - 20_000);
    const waiting = [source.token(), source.token()];
    await give('t2');
    assert.deepEqual(await Promise.all(waiting), ['t2', 't2']);
  });

  test('that Google does not give is `unavailable`, and asked for again', async () => {
    const { source, asked, give, fail } = openSource();
    const waiting = [source.token(), source.token()];
    const refused = Promise.all(
      waiting.map((token) =>
        assert.rejects(token, (error) => {
          assert(error instanceof AppError && error.code === 'unavailable');
          assert.equal((error.cause as Error).message, 'invalid_grant');
          return true;
        }),
      ),
    );
    await fail();
    await refused;
    const next = source.token();
    await give('t1');
    assert.deepEqual([await next, asked.length], ['t1', 2]);
  });
});
