// Run in a process of its own, because Node reads NODE_EXTRA_CA_CERTS once: puts one request through a
// gateway whose upstreams the environment names, and prints what the client was told.

import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { loadConfig } from '#shared/config/load.ts';
import { systemClock } from '#shared/domain/clock.ts';
import { openUpstreams } from '../../services/wiring/upstreams.ts';
import { createMemoryLog } from './log.ts';
import { openMessagesGateway, PROMPT } from './messages-gateway.ts';

export const PROXIED_GATEWAY = fileURLToPath(import.meta.url);

if (import.meta.main) {
  const text = process.env['TEST_GATEWAY_YAML'] ?? '';
  const loaded = loadConfig({ text }, { env: process.env });
  assert.ok(loaded.ok, JSON.stringify(loaded));
  const upstreams = await openUpstreams(loaded.config, systemClock, createMemoryLog());
  const gateway = await openMessagesGateway({ upstreams });
  const answer = await gateway.ask(PROMPT);
  const told = { status: answer.status, body: await answer.text() };
  await gateway[Symbol.asyncDispose]();
  process.stdout.write(JSON.stringify(told));
}
