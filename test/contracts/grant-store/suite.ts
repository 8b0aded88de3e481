// The contract of the GrantStore port, for every adapter. guards.ts has the half about revocations,
// rate limits and values good for one use.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { AppError } from '#shared/errors/app-error.ts';
import type { DeviceGrant, GrantStore, RefreshFamily } from '#shared/ports/grant-store.ts';
import { NOON_MS } from '../../support/clock.ts';
import { assertAllRefused } from '../../support/closed.ts';
import type { Instance } from '../../support/instance.ts';
import { guardBehaviour, guardContention, guardSurvival } from './guards.ts';

export interface GrantStoreHarness {
  readonly name: string;
  open(): Promise<Instance<GrantStore>>;
}

export function grantStoreContract(harness: GrantStoreHarness): void {
  describe(`GrantStore contract: ${harness.name}`, { timeout: 60_000 }, () => {
    describe('behaviour', () => {
      deviceBehaviour(harness);
      pollBehaviour(harness);
      familyBehaviour(harness);
      guardBehaviour(harness);
    });
    describe('duplicates and order', () => duplicates(harness));
    describe('refusal and closed', () => refusal(harness));
    describe('real contention', () => {
      contention(harness);
      guardContention(harness);
    });
    describe('survival', () => {
      survival(harness);
      guardSurvival(harness);
    });
  });
}

function deviceBehaviour({ open }: GrantStoreHarness): void {
  it('opens fresh and isolated', async () => {
    await using one = await open();
    await using other = await open();
    await one.port.createDeviceGrant(deviceGrant(), NOON_MS);
    assert.equal(await other.port.deviceGrantByUserCode('BCDFGHJK', NOON_MS), null);
    assert.equal(await other.port.createDeviceGrant(deviceGrant(), NOON_MS), true);
  });

  it('answers a device grant as it was created', async () => {
    await using store = await open();
    assert.equal(await store.port.createDeviceGrant(deviceGrant(), NOON_MS), true);
    const found = await store.port.deviceGrantByUserCode('BCDFGHJK', NOON_MS);
    assert.deepEqual(found, deviceGrant());
    assert.equal(await store.port.deviceGrantByUserCode('bcdfghjk', NOON_MS), null);
  });

  it('gives an approved grant with its approval to whoever takes it', async () => {
    await using store = await open();
    await store.port.createDeviceGrant(deviceGrant(), NOON_MS);
    const approved = { status: 'approved', approval: 'sealed' } as const;
    assert.equal(await store.port.decideDeviceGrant('BCDFGHJK', approved, NOON_MS), true);
    const taken = await store.port.takeDeviceGrant('hash', NOON_MS);
    assert.deepEqual(taken, { ...deviceGrant(), ...approved });
    assert.equal(await store.port.takeDeviceGrant('hash', NOON_MS), null);
    assert.equal(await store.port.pollDeviceGrant('hash', NOON_MS), null);
  });

  it('decides a pending grant only', async () => {
    await using store = await open();
    await store.port.createDeviceGrant(deviceGrant(), NOON_MS);
    const denied = { status: 'denied' } as const;
    const approved = { status: 'approved', approval: 'sealed' } as const;
    assert.equal(await store.port.decideDeviceGrant('ZZZZZZZZ', approved, NOON_MS), false);
    assert.equal(await store.port.decideDeviceGrant('BCDFGHJK', denied, NOON_MS), true);
    assert.equal(await store.port.decideDeviceGrant('BCDFGHJK', approved, NOON_MS), false);
    const found = await store.port.deviceGrantByUserCode('BCDFGHJK', NOON_MS);
    assert.deepEqual(found, { ...deviceGrant(), ...denied });
  });

  it('misses an expired grant in every method, swept or not', async () => {
    await using store = await open();
    const { port } = store;
    await port.createDeviceGrant(deviceGrant(), NOON_MS);
    const late = deviceGrant().expiresAtMs;
    const approved = { status: 'approved', approval: 'sealed' } as const;
    assert.notEqual(await port.deviceGrantByUserCode('BCDFGHJK', late - 1), null);
    for (const sweepFirst of [false, true]) {
      if (sweepFirst) await port.sweep(late);
      assert.equal(await port.deviceGrantByUserCode('BCDFGHJK', late), null);
      assert.equal(await port.pollDeviceGrant('hash', late), null);
      assert.equal(await port.decideDeviceGrant('BCDFGHJK', approved, late), false);
      assert.equal(await port.takeDeviceGrant('hash', late), null);
    }
    assert.equal(await port.deviceGrantByUserCode('BCDFGHJK', NOON_MS), null, 'it was swept');
  });
}

function pollBehaviour({ open }: GrantStoreHarness): void {
  it('answers the grant as it was before the poll', async () => {
    await using store = await open();
    await store.port.createDeviceGrant(deviceGrant(), NOON_MS);
    const first = await store.port.pollDeviceGrant('hash', NOON_MS + 1);
    assert.deepEqual(first, { grant: deviceGrant(), slowDown: false });
    const second = await store.port.pollDeviceGrant('hash', NOON_MS + 5001);
    const grant = { ...deviceGrant(), polledAtMs: NOON_MS + 1 };
    assert.deepEqual(second, { grant, slowDown: false });
    assert.equal(await store.port.pollDeviceGrant('unknown', NOON_MS), null);
  });

  it('lengthens the interval with every poll that comes too soon, and counts on', async () => {
    await using store = await open();
    await store.port.createDeviceGrant(deviceGrant(), NOON_MS);
    // The interval, less the second that is forgiven, counts from the last poll that was not early.
    const polls = [0, 3999, 8999, 14_000, 27_999, 33_000];
    const answers: unknown[] = [];
    for (const afterMs of polls) {
      const poll = await store.port.pollDeviceGrant('hash', NOON_MS + afterMs);
      const { intervalSeconds, polledAtMs } = poll?.grant ?? assert.fail('the grant is there');
      answers.push([poll?.slowDown, intervalSeconds, polledAtMs]);
    }
    assert.deepEqual(answers, [
      [false, 5, null],
      [true, 5, NOON_MS],
      [true, 10, NOON_MS],
      [false, 15, NOON_MS],
      [true, 15, NOON_MS + 14_000],
      [false, 20, NOON_MS + 14_000],
    ]);
  });
}

function familyBehaviour({ open }: GrantStoreHarness): void {
  it('rotates a family only from its current generation', async () => {
    await using store = await open();
    await store.port.createRefreshFamily(family());
    const next = { ...family(), generation: 2, sealed: 'next', rotatedAtMs: NOON_MS + 5 };
    assert.equal(await store.port.rotateRefreshFamily(2, next), false);
    assert.deepEqual(await store.port.refreshFamily('family', NOON_MS), family());
    assert.equal(await store.port.rotateRefreshFamily(1, next), true);
    assert.deepEqual(await store.port.refreshFamily('family', NOON_MS), next);
    assert.equal(await store.port.rotateRefreshFamily(1, next), false);
    assert.equal(await store.port.rotateRefreshFamily(1, { ...next, id: 'unknown' }), false);
  });

  it('leases a family to one caller until the lease ends, is given back or is rotated', async () => {
    await using store = await open();
    const { port } = store;
    await port.createRefreshFamily(family());
    const lease = (nowMs: number, generation = 1) =>
      port.leaseRefreshFamily('family', generation, nowMs + 1000, nowMs);
    assert.equal(await lease(NOON_MS, 2), false, 'another generation');
    assert.equal(await lease(NOON_MS), true);
    assert.equal(await lease(NOON_MS + 999), false, 'somebody has it');
    assert.equal(await lease(NOON_MS + 1000), true, 'the lease ended');
    await port.releaseRefreshFamily('family');
    assert.equal(await lease(NOON_MS + 1001), true, 'it was given back');
    const rotated = { ...family(), generation: 2, leasedUntilMs: NOON_MS + 99_999 };
    assert.equal(await port.rotateRefreshFamily(1, rotated), true);
    assert.equal((await port.refreshFamily('family', NOON_MS))?.leasedUntilMs, 0);
    assert.equal(await lease(NOON_MS + 1002, 2), true, 'a rotation clears it');
    await port.releaseRefreshFamily('unknown');
    assert.equal(await port.leaseRefreshFamily('unknown', 1, NOON_MS + 1, NOON_MS), false);
  });

  it('misses an expired family, swept or not', async () => {
    await using store = await open();
    await store.port.createRefreshFamily(family());
    const late = family().expiresAtMs;
    for (const sweepFirst of [false, true]) {
      if (sweepFirst) await store.port.sweep(late);
      assert.equal(await store.port.refreshFamily('family', late), null);
      assert.equal(await store.port.leaseRefreshFamily('family', 1, late + 1, late), false);
    }
    assert.equal(await store.port.refreshFamily('family', NOON_MS), null, 'it was swept');
  });

  it('deletes one family or all of a person and names them', async () => {
    await using store = await open();
    const { port } = store;
    for (const id of ['a', 'b', 'c']) await port.createRefreshFamily({ ...family(), id });
    await port.createRefreshFamily({ ...family(), id: 'other', sub: 'grace' });
    assert.deepEqual(await port.deleteRefreshFamilies({ id: 'a' }), ['a']);
    assert.deepEqual(await port.deleteRefreshFamilies({ id: 'a' }), []);
    assert.deepEqual((await port.deleteRefreshFamilies({ sub: 'ada' })).sort(), ['b', 'c']);
    assert.equal(await port.refreshFamily('b', NOON_MS), null);
    assert.notEqual(await port.refreshFamily('other', NOON_MS), null);
  });
}

function duplicates({ open }: GrantStoreHarness): void {
  it('refuses a user code while it lives and gives it again once it expired', async () => {
    await using store = await open();
    await store.port.createDeviceGrant(deviceGrant(), NOON_MS);
    const again: DeviceGrant = { ...deviceGrant(), deviceCodeHash: 'other', requestedFrom: 'x' };
    const late = deviceGrant().expiresAtMs;
    assert.equal(await store.port.createDeviceGrant(again, late - 1), false);
    const next = { ...again, expiresAtMs: late + 600_000 };
    assert.equal(await store.port.createDeviceGrant(next, late), true);
    assert.deepEqual(await store.port.deviceGrantByUserCode('BCDFGHJK', late), next);
    assert.equal(await store.port.takeDeviceGrant('hash', NOON_MS), null);
  });

  it('refuses a second family of the same id', async () => {
    await using store = await open();
    await store.port.createRefreshFamily(family());
    const second = store.port.createRefreshFamily({ ...family(), sub: 'grace' });
    await assert.rejects(second, (error) => {
      assert(error instanceof AppError && error.code === 'conflict' && error.cause !== undefined);
      return true;
    });
    assert.equal((await store.port.refreshFamily('family', NOON_MS))?.sub, 'ada');
  });
}

function refusal({ open }: GrantStoreHarness): void {
  it('refuses every method once closed, in a sentence', async () => {
    await using store = await open();
    const { port } = store;
    await port[Symbol.asyncDispose]();
    await assertAllRefused({
      createDeviceGrant: () => port.createDeviceGrant(deviceGrant(), NOON_MS),
      deviceGrantByUserCode: () => port.deviceGrantByUserCode('BCDFGHJK', NOON_MS),
      pollDeviceGrant: () => port.pollDeviceGrant('hash', NOON_MS),
      decideDeviceGrant: () => port.decideDeviceGrant('x', { status: 'denied' }, NOON_MS),
      takeDeviceGrant: () => port.takeDeviceGrant('hash', NOON_MS),
      createRefreshFamily: () => port.createRefreshFamily(family()),
      refreshFamily: () => port.refreshFamily('family', NOON_MS),
      leaseRefreshFamily: () => port.leaseRefreshFamily('family', 1, NOON_MS, NOON_MS),
      rotateRefreshFamily: () => port.rotateRefreshFamily(1, family()),
      releaseRefreshFamily: () => port.releaseRefreshFamily('family'),
      deleteRefreshFamilies: () => port.deleteRefreshFamilies({ sub: 'ada' }),
      addRevocation: () => port.addRevocation({ type: 'session', sessionId: 's', untilMs: 1 }),
      revocations: () => port.revocations(NOON_MS),
      countHit: () => port.countHit('key', 60, NOON_MS),
      useOnce: () => port.useOnce('key', NOON_MS, NOON_MS),
      sweep: () => port.sweep(NOON_MS),
    });
  });
}

function contention({ open }: GrantStoreHarness): void {
  const winners = (answers: readonly unknown[]) =>
    answers.filter((answer) => answer !== null && answer !== false).length;

  async function race(call: (port: GrantStore, nth: number) => Promise<unknown>) {
    await using store = await open();
    await store.port.createDeviceGrant(deviceGrant(), NOON_MS);
    await store.port.createRefreshFamily(family());
    const handles = [store.port, await store.another()];
    return Promise.all(
      Array.from({ length: 30 }, (_, nth) => call(handles[nth % 2] ?? store.port, nth)),
    );
  }

  it('gives a device grant to exactly one of parallel takers', async () => {
    assert.equal(winners(await race((port) => port.takeDeviceGrant('hash', NOON_MS))), 1);
  });

  it('lets exactly one of parallel decisions hold', async () => {
    const denied = { status: 'denied' } as const;
    const answers = await race((port) => port.decideDeviceGrant('BCDFGHJK', denied, NOON_MS));
    assert.equal(winners(answers), 1);
  });

  it('gives a user code to exactly one of parallel askers', async () => {
    const answers = await race((port, nth) =>
      port.createDeviceGrant(
        { ...deviceGrant(), userCode: 'KJHGFDCB', deviceCodeHash: `hash-${nth}` },
        NOON_MS,
      ),
    );
    assert.equal(winners(answers), 1);
  });

  it('slows all but one of parallel polls down, each by five seconds', async () => {
    const answers = await race((port) => port.pollDeviceGrant('hash', NOON_MS));
    const polls = answers as { grant: DeviceGrant; slowDown: boolean }[];
    assert.equal(polls.filter(({ slowDown }) => slowDown).length, 29);
    const intervals = polls.map(({ grant }) => grant.intervalSeconds).sort((a, b) => a - b);
    assert.equal(intervals.at(-1), 5 + 28 * 5);
  });

  it('leases and rotates a family for exactly one of parallel callers', async () => {
    const leased = await race((port) =>
      port.leaseRefreshFamily('family', 1, NOON_MS + 1000, NOON_MS),
    );
    assert.equal(winners(leased), 1);
    const rotated = await race((port) =>
      port.rotateRefreshFamily(1, { ...family(), generation: 2 }),
    );
    assert.equal(winners(rotated), 1);
  });
}

function survival({ open }: GrantStoreHarness): void {
  it('knows grants and families after a reopening', async () => {
    await using store = await open();
    await store.port.createDeviceGrant(deviceGrant(), NOON_MS);
    await store.port.createRefreshFamily(family());
    const port = await store.reopen();
    assert.deepEqual(await port.deviceGrantByUserCode('BCDFGHJK', NOON_MS), deviceGrant());
    assert.deepEqual(await port.refreshFamily('family', NOON_MS), family());
  });
}

function deviceGrant(): DeviceGrant {
  return {
    deviceCodeHash: 'hash',
    userCode: 'BCDFGHJK',
    status: 'pending',
    requestedFrom: '192.0.2.7',
    requestedAtMs: NOON_MS,
    expiresAtMs: NOON_MS + 600_000,
    intervalSeconds: 5,
    polledAtMs: null,
    approval: null,
  };
}

function family(): RefreshFamily {
  return {
    id: 'family',
    sub: 'ada',
    generation: 1,
    rotatedAtMs: NOON_MS,
    sealed: 'sealed',
    createdAtMs: NOON_MS,
    expiresAtMs: NOON_MS + 86_400_000,
    leasedUntilMs: 0,
  };
}
