/** What is counted: one person, or (a later issue) a budget that a group or everybody shares. */
export type AccountId = `user:${string}` | `pool:${string}`;

export function userAccount(sub: string): AccountId {
  return `user:${sub}`;
}
