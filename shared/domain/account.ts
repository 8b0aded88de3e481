// What is counted, by name. The names are keys in the quota store and the ledger.

/**
 * `user:<sub>`: one person. `pool:<group>`: the budget that a group shares. `organization`: the budget
 * that everybody shares. `model:<model>:<account>`: what of an account went to one model or family.
 */
export type AccountId =
  | `user:${string}`
  | `pool:${string}`
  | 'organization'
  | `model:${string}:user:${string}`;

export const ORGANIZATION: AccountId = 'organization';

export function userAccount(sub: string): `user:${string}` {
  return `user:${sub}`;
}

export function poolAccount(group: string): `pool:${string}` {
  return `pool:${group}`;
}

/** `model` is a family (`opus`) or an id (`claude-opus-5-5`); neither has a colon. */
export function modelAccount(model: string, account: `user:${string}`): AccountId {
  return `model:${model}:${account}`;
}

/** Shared by several people: a person may be held up by what others have in flight. */
export function isShared(account: AccountId): boolean {
  return account === ORGANIZATION || account.startsWith('pool:');
}
