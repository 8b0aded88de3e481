// Loaded into the gateway's process by the soak, with --import: writes what the process holds every few
// seconds. The product has no such door.

import { appendFileSync, readdirSync } from 'node:fs';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import type { Sample } from './soak-samples.ts';

const file = process.env['SOAK_SAMPLES'];
const EVERY_MS = 5_000;
const MB = 1024 * 1024;

if (file !== undefined) {
  setFlagsFromString('--expose-gc');
  const collect = runInNewContext('gc') as () => void;
  const RESOLUTION_MS = 10;
  const delay = monitorEventLoopDelay({ resolution: RESOLUTION_MS });
  delay.enable();
  appendFileSync(file, '');
  setInterval(() => {
    const delayP99Ms = Math.max(0, delay.percentile(99) / 1e6 - RESOLUTION_MS);
    const { rss } = process.memoryUsage();
    collect();
    const { heapUsed, external } = process.memoryUsage();
    const sample: Sample = {
      atS: process.uptime(),
      rssMb: rss / MB,
      heapMb: heapUsed / MB,
      externalMb: external / MB,
      descriptors: readdirSync('/proc/self/fd').length,
      delayP99Ms,
    };
    appendFileSync(file, `${JSON.stringify(sample)}\n`);
    // The collection above is ours and not the gateway's.
    delay.reset();
  }, EVERY_MS).unref();
}
