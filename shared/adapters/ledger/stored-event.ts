// What ledgers do with events as they are stored: JSON of whichever version recorded them.

import { type AccountId, modelAccount, userAccount } from '#shared/domain/account.ts';
import type { UsageEvent } from '#shared/domain/usage-event.ts';

/** Events of before there were budgets name no accounts: they were charged to the person. */
export function storedEvent(text: string): UsageEvent {
  const event: UsageEvent & { readonly accounts?: readonly AccountId[] } = JSON.parse(text);
  return { ...event, accounts: event.accounts ?? [userAccount(event.sub)] };
}

/** What an event is charged to, each account once. */
export function chargedAccounts({ accounts }: Pick<UsageEvent, 'accounts'>): AccountId[] {
  return [...new Set(accounts)];
}

/** The event with a pseudonym in the place of the person. */
export function pseudonymised(event: UsageEvent, sub: string, pseudonym: string): UsageEvent {
  return {
    ...event,
    sub: pseudonym,
    email: null,
    name: null,
    accounts: event.accounts.map((account) => renamedAccount(account, sub, pseudonym)),
  };
}

const MODEL_ACCOUNT = /^model:([^:]*):user:(.*)$/s;

function renamedAccount(account: AccountId, sub: string, pseudonym: string): AccountId {
  if (account === userAccount(sub)) return userAccount(pseudonym);
  const [, model = '', owner] = MODEL_ACCOUNT.exec(account) ?? [];
  return owner === sub ? modelAccount(model, userAccount(pseudonym)) : account;
}
