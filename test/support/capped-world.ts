// A gateway and its model for one person with one cap.

import { TEST_PRINCIPAL } from './http.ts';
import {
  anthropicAt,
  type MessagesGateway,
  openMessagesGateway,
  standing,
} from './messages-gateway.ts';
import { cents, userCap } from './quota.ts';
import { openFakeUpstream } from './upstream.ts';

/** $25 a month, unless a test says otherwise. */
export async function openCappedWorld(capMicroUsd = cents(2_500)) {
  const upstream = await openFakeUpstream();
  const caps = [userCap(TEST_PRINCIPAL.sub, capMicroUsd, 'monthly')];
  const gateway = await openMessagesGateway({ upstreams: [anthropicAt(upstream.url)], caps });
  return {
    upstream,
    gateway,
    async [Symbol.asyncDispose]() {
      await gateway[Symbol.asyncDispose]();
      await upstream[Symbol.asyncDispose]();
    },
  };
}

/** What the person has spent this month, and what is reserved. */
export async function held({ quota, clock }: Pick<MessagesGateway, 'quota' | 'clock'>) {
  const { pending = 0, reserved } = await standing(quota, clock.now());
  return { spent: pending, reserved };
}
