import { randomBytes } from 'node:crypto';
import type { CapScope } from '#shared/domain/cap.ts';
import type { Clock } from '#shared/domain/clock.ts';
import type { AdminStore, SpendLimit } from '#shared/ports/admin-store.ts';

/** Daily, in cents, and small: a few prompts reach them. Contractors have a cheap model. */
const CAPS: readonly { readonly scope: CapScope; readonly amount: string }[] = [
  { scope: { type: 'organization' }, amount: '20' },
  { scope: { type: 'rbac_group', rbacGroupId: 'contractors' }, amount: '1' },
];

/** Sets the demo's caps, unless somebody has set any; the sentence that says which ones hold. */
export async function seedDemoCaps(admin: AdminStore, clock: Clock): Promise<string> {
  if ((await admin.caps()).length === 0) {
    for (const { scope, amount } of CAPS) {
      const by = { actor: 'admin-key:demo', reason: 'demo profile', atMs: clock.now() };
      const id = `spl_${randomBytes(16).toString('hex')}`;
      const change = () => ({ amount, pooledBudget: null });
      await admin.upsertCap({ id, scope, period: 'daily', model: null, change }, by);
    }
  }
  return isSeeded(await admin.caps())
    ? 'a cap of 20 cents a day for each person, 1 cent for contractors'
    : 'the caps that were set here before';
}

function isSeeded(caps: readonly SpendLimit[]): boolean {
  const ours = CAPS.map(({ scope, amount }) => JSON.stringify([scope, 'daily', amount]));
  return (
    caps.length === ours.length &&
    caps.every(({ scope, period, amount }) =>
      ours.includes(JSON.stringify([scope, period, amount])),
    )
  );
}
