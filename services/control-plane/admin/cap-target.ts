// Whose cap a body means. Caps are kept by user_id (the sub of the sessions); people are known by
// their e-mail address.

import type { CapScope } from '#shared/domain/cap.ts';
import type { AdminStore, Person } from '#shared/ports/admin-store.ts';
import { fault } from './body-fields.ts';
import type { BodyScope } from './cap-body.ts';

export interface CapTarget {
  readonly scope: CapScope;
  /** What the reply says of it beside the cap. */
  readonly told: {
    readonly resolved?: object;
    readonly unresolved?: true;
    readonly warnings?: readonly string[];
  };
}

type People = Pick<AdminStore, 'person' | 'peopleByEmail'>;

const NEVER_SEEN =
  'Nobody with this user_id was seen yet. The cap holds from their first request on.';
const ADDRESS_NEVER_SEEN =
  'Nobody with this e-mail address was seen yet. Sessions carry a user_id, so the cap holds for ' +
  'nobody: set it again when they have signed in.';

/** @throws AppError `invalid_request` when several people have the address. */
export async function resolveTarget(admin: People, scope: BodyScope): Promise<CapTarget> {
  if (scope.type !== 'user') return { scope, told: {} };
  if ('email' in scope) return byEmail(admin, scope.email);
  const person = await admin.person(scope.userId);
  if (person !== null) return found(person);
  if (scope.userId.includes('@')) return byEmail(admin, scope.userId);
  return { scope, told: { unresolved: true, warnings: [NEVER_SEEN] } };
}

async function byEmail(admin: People, email: string): Promise<CapTarget> {
  const people = await admin.peopleByEmail(email);
  const [person] = people;
  if (people.length > 1) {
    throw fault('scope', `${people.length} people have this e-mail address; give the user_id`);
  }
  if (person !== undefined) return found(person);
  const told = { unresolved: true, warnings: [ADDRESS_NEVER_SEEN] } as const;
  return { scope: { type: 'user', userId: email }, told };
}

function found({ sub, email, name }: Person): CapTarget {
  const resolved = { user_id: sub, email_address: email, name };
  return { scope: { type: 'user', userId: sub }, told: { resolved } };
}
