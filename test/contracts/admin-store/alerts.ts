// Alerts: raised once, unsent until they are marked.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { Alert } from '#shared/ports/admin-store.ts';
import { NOON_MS } from '../../support/clock.ts';
import type { AdminStoreHarness } from './suite.ts';

function alert(id: string, afterNoonMs: number): Alert {
  return { id, atMs: NOON_MS + afterNoonMs, body: `{"of":"${id}/ü"}` };
}

export function alertBehaviour({ open }: AdminStoreHarness): void {
  it('raises an alert once, whoever raises it again', async () => {
    await using store = await open();
    const other = await store.another();
    const first = [alert('b', 1), alert('a', 0)];
    assert.deepEqual(await store.port.raiseAlerts(first), first);
    const later = [alert('a', 9), alert('c', 2), alert('c', 3)];
    assert.deepEqual(await other.raiseAlerts(later), [later[1]]);
    assert.deepEqual(await store.port.raiseAlerts([]), []);
    assert.deepEqual(await store.port.unsentAlerts(10), [alert('a', 0), alert('b', 1), later[1]]);
  });

  it('answers the unsent ones, oldest first, until they are marked', async () => {
    await using store = await open();
    const all = Array.from({ length: 230 }, (_, nth) => alert(`alert/${nth}`, 300 - nth));
    assert.equal((await store.port.raiseAlerts(all)).length, 230);
    const oldest = await store.port.unsentAlerts(2);
    assert.deepEqual(oldest, [all[229], all[228]]);
    await store.port.markAlertsSent(oldest.map(({ id }) => id));
    assert.deepEqual(await store.port.unsentAlerts(1), [all[227]]);
    await store.port.markAlertsSent([...all.map(({ id }) => id), 'unknown']);
    await store.port.markAlertsSent([]);
    const port = await store.reopen();
    assert.deepEqual(await port.unsentAlerts(10), []);
    assert.deepEqual(await port.raiseAlerts([alert('alert/0', 0)]), []);
  });

  it('lets exactly one of parallel writers raise an alert', async () => {
    await using store = await open();
    const handles = [store.port, await store.another()];
    const raised = await Promise.all(
      Array.from({ length: 12 }, (_, nth) =>
        handles[nth % 2]?.raiseAlerts([alert(`own-${nth}`, 0), alert('shared', 0)]),
      ),
    );
    const ids = raised.flatMap((alerts) => alerts?.map(({ id }) => id) ?? []);
    assert.equal(ids.filter((id) => id === 'shared').length, 1);
    assert.equal(ids.length, 13);
  });

  it('prunes old alerts with the audit trail', async () => {
    await using store = await open();
    await store.port.raiseAlerts([alert('old', -1), alert('young', 0)]);
    assert.equal(await store.port.prune({ auditMs: NOON_MS, peopleMs: 0 }), 1);
    assert.deepEqual(await store.port.unsentAlerts(10), [alert('young', 0)]);
  });
}
