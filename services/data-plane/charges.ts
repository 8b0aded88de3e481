// What a request is charged to, worked out once for each session, table of caps and model: the caps of a
// person change far less often than the person asks.

import { userAccount } from '#shared/domain/account.ts';
import { type CapIndex, type Charge, chargeOf, type GroupLimitMode } from '#shared/domain/cap.ts';
import type { Principal } from '#shared/domain/principal.ts';

export interface ChargeQuery {
  readonly principal: Principal;
  /** The names that caps may have for the model. Asked for only where some cap is for a model. */
  readonly models: () => readonly string[];
  readonly settings: { readonly capsEnabled: boolean; readonly groupLimitMode: GroupLimitMode };
}

export type Charges = (index: CapIndex, query: ChargeQuery) => Charge;

interface Known {
  readonly index: CapIndex;
  readonly mode: GroupLimitMode;
  readonly named: readonly string[];
  readonly charge: Charge;
}

const NONE: readonly never[] = [];

export function createCharges(): Charges {
  // Of a session its last model alone: nobody changes it from one request to the next for long.
  const last = new WeakMap<Principal, Known>();
  return (index, { principal, models, settings }) => {
    const isFree = index.byKey.size === 0 && index.budgetsOf.size === 0;
    if (isFree || !settings.capsEnabled) {
      return { accounts: [userAccount(principal.sub)], limits: NONE, pools: NONE };
    }
    const named = index.models.size === 0 ? NONE : models();
    const mode = settings.groupLimitMode;
    const known = last.get(principal);
    if (known?.index === index && known.mode === mode && isSame(known.named, named)) {
      return known.charge;
    }
    const charge = chargeOf(index, principal, named, mode);
    last.set(principal, { index, mode, named, charge });
    return charge;
  };
}

function isSame(a: readonly string[], b: readonly string[]): boolean {
  return a.length === b.length && a.every((name, at) => name === b[at]);
}
