import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createTestClock } from '../../../test/support/clock.ts';
import { createMemoryLog } from '../../../test/support/log.ts';
import { createKeySource, type FetchedKeys } from './aws-credentials.ts';

const LIFE_MS = 3_600_000;

/** A source whose fetches a test answers by hand. */
function openSource() {
  const clock = createTestClock();
  const log = createMemoryLog();
  const fetches: PromiseWithResolvers<FetchedKeys>[] = [];
  const source = createKeySource({
    ...{ clock, log },
    fetchKeys() {
      const fetch = Promise.withResolvers<FetchedKeys>();
      fetches.push(fetch);
      return fetch.promise;
    },
  });
  const give = (at: number, id: string, expiresAtMs: number | null = clock.now() + LIFE_MS) =>
    fetches[at]?.resolve({ keys: { accessKeyId: id, secretAccessKey: 's' }, expiresAtMs });
  const id = async () => (await source.keys()).accessKeyId;
  return { clock, log, fetches, give, id };
}

test('many requests wait for one fetch', async () => {
  const { fetches, give, id } = openSource();
  const asked = [id(), id(), id()];
  give(0, 'A');
  assert.deepEqual(await Promise.all(asked), ['A', 'A', 'A']);
  assert.equal(await id(), 'A');
  assert.equal(fetches.length, 1);
});

test('keys are fetched again ahead of their end, while the old ones are used', async () => {
  const { clock, fetches, give, id } = openSource();
  const first = id();
  give(0, 'A');
  await first;
  clock.advance(LIFE_MS - 300_001);
  await id();
  assert.equal(fetches.length, 1);
  clock.advance(1);
  assert.deepEqual(await Promise.all([id(), id()]), ['A', 'A']);
  assert.equal(fetches.length, 2);
  give(1, 'B');
  await new Promise(setImmediate);
  assert.equal(await id(), 'B');
});

test('a source that gives the old keys again is asked every five seconds, not at every request', async () => {
  const { clock, fetches, give, id } = openSource();
  const first = id();
  give(0, 'A', clock.now() + 60_000);
  await first;
  await id();
  assert.equal(fetches.length, 1);
  clock.advance(5_000);
  await id();
  assert.equal(fetches.length, 2);
});

test('a fetch that fails while keys hold is logged; without keys it is unavailable', async () => {
  const { clock, log, fetches, give, id } = openSource();
  const first = id();
  give(0, 'A');
  await first;
  clock.advance(LIFE_MS - 100_000);
  assert.equal(await id(), 'A');
  fetches[1]?.reject(new Error('no role'));
  await new Promise(setImmediate);
  assert.equal(await id(), 'A');
  assert.equal(fetches.length, 2, 'not at once again');
  assert.deepEqual(
    log.lines.map(({ message }) => message),
    ['AWS credentials could not be refreshed'],
  );
  clock.advance(90_000);
  const late = id();
  fetches[2]?.reject(new Error('no role'));
  await assert.rejects(late, { name: 'AppError', code: 'unavailable' });
  const again = id();
  give(3, 'B');
  assert.equal(await again, 'B');
});

test('keys without an end are read again after an hour', async () => {
  const { clock, fetches, give, id } = openSource();
  const first = id();
  give(0, 'A', null);
  await first;
  clock.advance(LIFE_MS - 300_000);
  assert.equal(await id(), 'A');
  assert.equal(fetches.length, 2);
});
