import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AppError } from '#shared/errors/app-error.ts';
import { createCallDeadlines, type Rpc } from './call-deadline.ts';
import { hashedId, shardOf, spreadId } from './document-ids.ts';
import { openFirestoreDatabase } from './firestore-database.ts';
import { isMoved, isTaken, translated } from './firestore-errors.ts';

describe('openFirestoreDatabase', () => {
  it('refuses a prefix that is no document id', () => {
    for (const prefix of ['', '.', '..', '__x__', 'a/b', 'x'.repeat(101)]) {
      assert.throws(
        () => openFirestoreDatabase({ projectId: 'p', prefix }),
        (error) => error instanceof AppError && error.code === 'invalid_request',
        prefix,
      );
    }
  });

  it('opens and closes without a database in sight, and refuses work afterwards', async () => {
    const database = openFirestoreDatabase({ projectId: 'p', prefix: 'x', host: '127.0.0.1:1' });
    await database[Symbol.asyncDispose]();
    await database[Symbol.asyncDispose]();
    await assert.rejects(
      database.run(async () => {}),
      /the database is closed; /,
    );
  });
});

describe('call deadlines', () => {
  it('cancels every RPC of a late call, the ones that are sent again included', async () => {
    const deadlines = createCallDeadlines(20);
    const first = fakeRpc({});
    const other = fakeRpc({});
    const late = deadlines.run(async () => {
      deadlines.tie(first);
      await new Promise(() => {});
    });
    await deadlines.run(async () => {
      deadlines.tie(other);
    });
    await assert.rejects(
      late,
      (error) => error instanceof AppError && error.code === 'unavailable',
    );
    // A retry: the same request, in the context of nobody.
    const again = deadlines.tie(fakeRpc(first.argument));
    await Promise.resolve();
    assert.deepEqual(
      [first, again, other].map(({ call }) => call.cancelled),
      [true, true, false],
    );
  });

  it('leaves an RPC alone that has ended', async () => {
    const deadlines = createCallDeadlines(10);
    const rpc = fakeRpc({});
    const late = deadlines.run(async () => {
      deadlines.tie(rpc).call.end();
      await new Promise(() => {});
    });
    await assert.rejects(late);
    assert.equal(rpc.call.cancelled, false);
  });
});

describe('Firestore errors', () => {
  const failed = (code: unknown, text = 'raw') => Object.assign(new Error(text), { code });

  it('become what a port promises, with the raw error as their cause', () => {
    const kinds: readonly [caught: Error, code: string][] = [
      [failed(6), 'conflict'],
      [failed(3), 'invalid_request'],
      ...[1, 2, 4, 5, 7, 8, 9, 10, 13, 14, 16].map(
        (code) => [failed(code), 'unavailable'] as const,
      ),
      [failed('ENOTFOUND'), 'unavailable'],
      [new Error('Could not load the default credentials.'), 'unavailable'],
    ].map(([caught, code]) => [caught as Error, code as string]);
    for (const [caught, code] of kinds) {
      const error = translated(caught);
      assert(error instanceof AppError, String(caught));
      assert.equal(error.code, code);
      assert.equal(error.cause, caught);
      assert.equal(error.detail, caught.message);
      assert(!error.message.includes('raw'), 'the raw text is for the operator');
    }
  });

  it('pass as they are when they are none of Firestore', () => {
    const ours = [new AppError('overloaded', 'wait'), new RangeError('ours'), 'text'];
    for (const caught of ours) assert.equal(translated(caught), caught);
  });

  it('tell a lost race from a failure', () => {
    const codes = Array.from({ length: 17 }, (_, code) => code);
    assert.deepEqual(
      codes.filter((code) => isMoved(failed(code))),
      [5, 6, 9, 10],
    );
    assert.deepEqual(
      codes.filter((code) => isTaken(failed(code))),
      [6],
    );
  });
});

describe('document ids', () => {
  it('do not ascend, and keep what can be read', () => {
    const ids = ['019ab000-1', '019ab000-2', '019ab000-3'];
    const spread = ids.map(spreadId);
    assert.notDeepEqual(spread, [...spread].sort());
    assert.match(spread[0] ?? '', /^[0-9a-f]{4}-019ab000-1$/);
  });

  it('hash what Firestore does not take, and never two alike', () => {
    const odd = ['a/b', '/', 'x'.repeat(401), 'ü'.repeat(201)];
    for (const id of odd) assert.match(spreadId(id), /^[0-9a-f]{4}=[0-9a-f]{40}$/);
    assert.match(spreadId('__x__'), /^[0-9a-f]{4}-__x__$/);
    assert.notEqual(hashedId('a', 'bc'), hashedId('ab', 'c'));
    assert.notEqual(hashedId('a', '["b"]'), hashedId('["a","b"]'));
  });

  it('fall into sixteen shards evenly', () => {
    const counts = new Map<string, number>();
    for (let nth = 0; nth < 16_000; nth += 1) {
      const shard = shardOf(`019ab000-${nth}`);
      counts.set(shard, (counts.get(shard) ?? 0) + 1);
    }
    assert.equal(counts.size, 16);
    for (const count of counts.values()) assert(count > 850 && count < 1150, `${count}`);
  });
});

function fakeRpc(argument: unknown) {
  const listeners: (() => void)[] = [];
  const call = {
    cancelled: false,
    cancel() {
      call.cancelled = true;
    },
    once: (_event: 'status', listener: () => void) => listeners.push(listener),
    end() {
      for (const listener of listeners) listener();
    },
  };
  return { argument, call } satisfies Rpc;
}
