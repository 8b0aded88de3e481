// Instances on one emulator: each has a prefix, and with it topics, of its own.

import { randomBytes } from 'node:crypto';
import { openPubSubBus, type PubSubBusOptions } from '#shared/adapters/usage-bus/pubsub.ts';
import type { UsageBus } from '#shared/ports/usage-bus.ts';
import { createTestClock } from './clock.ts';
import { type Instance, instanceOf } from './instance.ts';
import { createMemoryLog } from './log.ts';

// The library looks for Google's metadata server otherwise, and the first call waits for it.
process.env['METADATA_SERVER_DETECTION'] = 'none';

export const PROJECT = 'tallygate-test';

/** Pauses as short as the emulator allows, which delivers every 50 ms. */
const TUNING: PubSubBusOptions['tuning'] = {
  publishLingerMs: 5,
  publishTotalMs: 10_000,
  batchLingerMs: 10,
  redelivery: null,
  ackDeadlineSeconds: 10,
  reopenMinMs: 50,
  reopenMaxMs: 500,
  quietMs: 400,
  // The emulator, short of time, leases a letter to a wait that is over.
  pullWaitMs: 0,
  closeWithinMs: 5000,
};

export function openTestBus(
  host: string,
  prefix: string,
  options: Partial<PubSubBusOptions> = {},
): Promise<UsageBus> {
  return openPubSubBus({
    projectId: PROJECT,
    prefix,
    create: true,
    attemptsMax: 4,
    clock: createTestClock(),
    log: createMemoryLog(),
    emulatorHost: host,
    ...options,
    tuning: { ...TUNING, ...options.tuning },
  });
}

export function newPrefix(): string {
  return `t${randomBytes(6).toString('hex')}`;
}

export async function openPubSubInstance(
  host: string,
  options: Partial<PubSubBusOptions> = {},
): Promise<Instance<UsageBus>> {
  const prefix = newPrefix();
  const argument = JSON.stringify({ host, prefix });
  return instanceOf({ module: import.meta.url, export: 'openBusAt', argument }, () =>
    openTestBus(host, prefix, options),
  );
}

export async function openBusAt(argument: string): Promise<UsageBus> {
  const { host, prefix } = JSON.parse(argument);
  return openTestBus(host, prefix);
}
