// What a hop costs: a model that answers at once, and in front of it nothing, nginx, Tallygate in one
// process, and the data plane of Tallygate on Redis and Pub/Sub, with every check on. One run, in turns.
//
//   npm run bench                          the usual cases; --all for the whole grid
//     -- --case 87                         only cases whose name has the text (may be repeated)
//     -- --against main                    another commit beside this one
//     -- --json FILE                       keeps the figures
//     -- --rounds 5 --round-ms 2000        steadier ones
//     -- --only embedded                   only candidates whose name has the text, and the direct way
//     -- --gateway PATH --gateway-config FILE --gateway-port N [--gateway-token TOKEN]
//                                          another gateway; ${MODEL_URL} in its file is the model

import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { findPubSubEmulator, startPubSubEmulator } from '../support/servers/google-emulators.ts';
import { findRedis, startRedis } from '../support/servers/redis.ts';
import {
  type Candidate,
  direct,
  openEmbedded,
  openNginx,
  openOnServers,
  openOther,
  type Servers,
  type Tree,
  type World,
} from './hop-candidates.ts';
import { ALL_CASES, nameOf, USUAL_CASES } from './hop-cases.ts';
import { machine, renderCase, resultOf } from './hop-report.ts';
import { measureCase, warmUp } from './hop-rounds.ts';
import { measureStarts } from './hop-start.ts';
import { checkOut, ROOT } from './hop-tree.ts';
import { startLoader, startModel } from './hop-worker.ts';

const { values } = parseArgs({
  options: {
    all: { type: 'boolean', default: false },
    case: { type: 'string', multiple: true, default: [] },
    only: { type: 'string' },
    against: { type: 'string' },
    json: { type: 'string' },
    rounds: { type: 'string', default: '3' },
    'round-ms': { type: 'string', default: '1200' },
    gateway: { type: 'string' },
    'gateway-config': { type: 'string' },
    'gateway-port': { type: 'string', default: '8080' },
    'gateway-token': { type: 'string' },
  },
});

const print = (text: string) => void process.stdout.write(text);
const skip = (what: string, reason: string) => print(`\n*** ${what} IS NOT MEASURED: ${reason}\n`);
const isWanted = (name: string) => values.only === undefined || name.includes(values.only);

async function openServers(opened: AsyncDisposableStack): Promise<Servers | string> {
  const [redis, pubsub] = [findRedis(), findPubSubEmulator()];
  if (!redis.available) return redis.reason;
  if (!pubsub.available) return pubsub.reason;
  const server = opened.use(await startRedis(redis.program));
  const emulator = opened.use(await startPubSubEmulator(pubsub.program));
  return { redisUrl: server.url, pubsubHost: emulator.host };
}

async function openCandidates(world: World, trees: readonly Tree[]): Promise<Candidate[]> {
  const candidates = [direct(world)];
  if (isWanted('nginx')) {
    const nginx = await openNginx(world);
    if (typeof nginx === 'string') skip('nginx', nginx);
    else candidates.push(nginx);
  }
  for (const tree of trees) {
    if (isWanted('tallygate, embedded')) candidates.push(await openEmbedded(world, tree));
  }
  const servers = isWanted('tallygate, Redis') ? await openServers(world.opened) : null;
  if (typeof servers === 'string') skip('Redis + Pub/Sub', servers);
  else if (servers !== null) {
    for (const tree of trees) candidates.push(await openOnServers(world, tree, servers));
  }
  const { gateway: program, 'gateway-config': config, 'gateway-token': token } = values;
  if (program !== undefined && config !== undefined) {
    const port = Number(values['gateway-port']);
    candidates.push(await openOther(world, { program, config, port, token }));
  }
  return candidates;
}

async function bench(): Promise<void> {
  await using opened = new AsyncDisposableStack();
  const folder = mkdtempSync(join(tmpdir(), 'tallygate-bench-'));
  opened.defer(() => rmSync(folder, { recursive: true, force: true }));
  const [model, loader] = [opened.use(await startModel()), opened.use(await startLoader())];
  const world = { modelPort: model.port, folder, opened };
  const base = values.against === undefined ? null : opened.use(checkOut(values.against));
  const trees = [
    ...(base === null ? [] : [{ name: 'against', root: base.root }]),
    { name: 'tallygate', root: ROOT },
  ];
  const { cores, model: processor, load } = machine();
  print(`${cores} cores (${processor}), load ${load.toFixed(1)} before the run\n`);
  print(
    'req/s and its ratio to the direct way; ms to the first byte of the answer and to its end,\n',
  );
  print('as what is added to the direct way; CPU of the gateway process alone, ratio to nginx\n');

  const starts = [];
  for (const tree of isWanted('tallygate, embedded') ? trees : []) {
    const figures = await measureStarts(world, tree);
    starts.push({ name: tree.name, ...figures });
    const { readyMs, idleMb } = figures;
    print(`\n${tree.name}, embedded: ready in ${readyMs.toFixed(0)} ms, `);
    print(`idle at ${idleMb.toFixed(0)} MB\n`);
  }

  const candidates = await openCandidates(world, trees);
  const complain = (text: string) => void process.stderr.write(text);
  const usualMs = Number(values['round-ms']);
  const options = {
    ...{ candidates, model, loader, rounds: Number(values.rounds), usualMs, complain },
  };
  for (const candidate of candidates) await warmUp(candidate, options);
  const results = [];
  for (const wanted of values.all ? ALL_CASES : USUAL_CASES) {
    const name = nameOf(wanted);
    if (values.case.length > 0 && !values.case.some((text) => name.includes(text))) continue;
    const result = resultOf(wanted, await measureCase(wanted, options));
    results.push(result);
    print(renderCase(result));
  }
  const after = machine();
  print(`\nload ${after.load.toFixed(1)} after the run\n`);
  if (results.some(({ measured }) => measured.some(({ figures }) => figures.failed > 0))) {
    process.exitCode = 1;
  }
  if (values.json === undefined) return;
  const kept = { machine: { before: { cores, processor, load }, after }, starts, results };
  writeFileSync(values.json, `${JSON.stringify(kept, null, 2)}\n`);
}

await bench();
