// The half of the GrantStore contract about revocations, rate limits and values good for one use.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Revocation } from '#shared/domain/quota.ts';
import { startChild } from '../../support/child.ts';
import { NOON_MS } from '../../support/clock.ts';
import { shuffled } from '../../support/shuffle.ts';
import type { GrantStoreHarness } from './suite.ts';
import { VALUE_USER } from './value-user.ts';

export function guardBehaviour({ open }: GrantStoreHarness): void {
  it('answers revocations until they end', async () => {
    await using store = await open();
    const session: Revocation = { type: 'session', sessionId: 'x', untilMs: NOON_MS + 10 };
    const subject: Revocation = {
      type: 'subject',
      // A session id may be the same text as a sub.
      sub: 'x',
      issuedBeforeMs: NOON_MS,
      untilMs: NOON_MS + 20,
    };
    await store.port.addRevocation(session);
    await store.port.addRevocation(subject);
    const inForce = async (nowMs: number) => sorted(await store.port.revocations(nowMs));
    assert.deepEqual(await inForce(NOON_MS + 9), [session, subject]);
    assert.deepEqual(await inForce(NOON_MS + 10), [subject]);
    await store.port.sweep(NOON_MS + 20);
    assert.deepEqual(await inForce(NOON_MS), []);
  });

  it('keeps the widest of the revocations of one person, in every order', async () => {
    const wishes: Revocation[] = [
      [1, 30],
      [3, 10],
      [2, 20],
    ].map(([before = 0, until = 0]) => ({
      type: 'subject',
      sub: 'ada',
      issuedBeforeMs: NOON_MS + before,
      untilMs: NOON_MS + until,
    }));
    for (const seed of [1, 2, 3]) {
      await using store = await open();
      for (const wish of shuffled(wishes, seed)) await store.port.addRevocation(wish);
      const widest = { type: 'subject', sub: 'ada', issuedBeforeMs: NOON_MS + 3 };
      assert.deepEqual(await store.port.revocations(NOON_MS), [
        { ...widest, untilMs: NOON_MS + 30 },
      ]);
    }
  });

  it('counts hits per key in a window from the first hit', async () => {
    await using store = await open();
    const hits: number[] = [];
    for (const afterMs of [0, 1, 59_999, 60_000, 60_001]) {
      hits.push(await store.port.countHit('key', 60, NOON_MS + afterMs));
    }
    assert.deepEqual(hits, [1, 2, 3, 1, 2]);
    assert.equal(await store.port.countHit('other', 60, NOON_MS), 1);
    await store.port.sweep(NOON_MS + 120_000);
    assert.equal(await store.port.countHit('key', 60, NOON_MS + 60_002), 1);
  });

  it('lets a value be used once until it expires', async () => {
    await using store = await open();
    const use = (nowMs: number) => store.port.useOnce('nonce', NOON_MS + 100, nowMs);
    assert.equal(await use(NOON_MS), true);
    assert.equal(await use(NOON_MS + 99), false);
    assert.equal(await store.port.useOnce('nonce', NOON_MS + 300, NOON_MS + 100), true);
    assert.equal(await store.port.useOnce('nonce', NOON_MS + 300, NOON_MS + 299), false);
    assert.equal(await store.port.useOnce('other', NOON_MS + 100, NOON_MS), true);
  });
}

export function guardContention({ open }: GrantStoreHarness): void {
  it('loses no hit and repeats no number over parallel hits', async () => {
    await using store = await open();
    const handles = [store.port, await store.another()];
    const hits = await Promise.all(
      Array.from({ length: 60 }, (_, nth) => handles[nth % 2]?.countHit('key', 60, NOON_MS)),
    );
    const expected = Array.from({ length: 60 }, (_, nth) => nth + 1);
    assert.deepEqual(
      hits.sort((a = 0, b = 0) => a - b),
      expected,
    );
  });

  it('lets exactly one of parallel processes use each value', async () => {
    await using store = await open();
    const children = [1, 2, 3].map(() => startChild(VALUE_USER, store.opener, '100'));
    await Promise.all(children.map((child) => child.ended()));
    const used = children.flatMap((child) => child.lines);
    assert.equal(used.length, 100);
    assert.equal(new Set(used).size, 100);
  });
}

export function guardSurvival({ open }: GrantStoreHarness): void {
  it('lets no value be used again after its process was killed', async () => {
    await using store = await open();
    const child = startChild(VALUE_USER, store.opener, '100000');
    await child.printed(50);
    await child.kill();
    const port = await store.reopen();
    for (const value of child.lines) {
      assert.equal(await port.useOnce(value, NOON_MS + 1000, NOON_MS), false);
    }
  });
}

function sorted(revocations: readonly Revocation[]): Revocation[] {
  return [...revocations].sort((a, b) => a.type.localeCompare(b.type));
}
