// Google's emulators from the Cloud SDK (stack.md §2-3). They keep nothing: killed and started again
// they have lost topics, subscriptions and documents.

import { existsSync, realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { freePort } from '../free-port.ts';
import { type FoundProgram, findProgram } from './program.ts';
import { createFront } from './pubsub-front.ts';
import { type ServerProcess, startServer } from './server-process.ts';

export interface EmulatorServer extends ServerProcess {
  /** For PUBSUB_EMULATOR_HOST and FIRESTORE_EMULATOR_HOST. */
  readonly host: string;
}

const PUBSUB = join('platform', 'pubsub-emulator', 'bin', 'cloud-pubsub-emulator');
const FIRESTORE = join('platform', 'cloud-firestore-emulator', 'cloud_firestore_emulator');

export function findPubSubEmulator(): FoundProgram {
  return findEmulator(PUBSUB, 'google-cloud-cli-pubsub-emulator');
}

export function findFirestoreEmulator(): FoundProgram {
  return findEmulator(FIRESTORE, 'google-cloud-cli-firestore-emulator');
}

export async function startPubSubEmulator(program: string): Promise<EmulatorServer> {
  const [port, frontPort, iamPort] = [await freePort(), await freePort(), await freePort()];
  const server = await startServer({
    name: 'pubsub',
    command: program,
    args: () => ['--host=127.0.0.1', `--port=${port}`, `--iam_port=${iamPort}`],
    ready: /Server started, listening on/,
  });
  const front = createFront(frontPort, port);
  await front.listen();
  return {
    ...server,
    host: `127.0.0.1:${frontPort}`,
    async kill() {
      await front.close();
      await server.kill();
    },
    async start() {
      await server.start();
      await front.listen();
    },
    async [Symbol.asyncDispose]() {
      await front.close();
      await server[Symbol.asyncDispose]();
    },
  };
}

export interface FirestoreEmulatorOptions {
  /** False (default): a JVM that is up soon, but slower for long. Benchmarks want true. */
  readonly optimised?: boolean;
}

export async function startFirestoreEmulator(
  program: string,
  { optimised = false }: FirestoreEmulatorOptions = {},
): Promise<EmulatorServer> {
  const port = await freePort();
  const given = process.env['JAVA_TOOL_OPTIONS'] ?? '';
  const server = await startServer({
    name: 'firestore',
    env: optimised
      ? {}
      : { JAVA_TOOL_OPTIONS: `${given} -XX:TieredStopAtLevel=1 -XX:+UseSerialGC`.trim() },
    command: program,
    args: () => ['start', '--host=127.0.0.1', `--port=${port}`],
    ready: /Dev App Server is now running|is running/,
  });
  return { ...server, host: `127.0.0.1:${port}` };
}

function findEmulator(path: string, debianPackage: string): FoundProgram {
  const root = sdkRoots().find((candidate) => existsSync(join(candidate, path)));
  if (root === undefined) {
    const reason = `${path} is not in the Google Cloud SDK (package ${debianPackage})`;
    return { available: false, reason };
  }
  const java = findProgram('java', [], 'the emulators need Java 17');
  return java.available ? { available: true, program: join(root, path) } : java;
}

function sdkRoots(): string[] {
  const gcloud = findProgram('gcloud', [], '');
  return [
    process.env['CLOUDSDK_ROOT_DIR'] ?? '',
    gcloud.available ? dirname(dirname(realpathSync(gcloud.program))) : '',
    '/usr/lib/google-cloud-sdk',
    '/usr/share/google-cloud-sdk',
    join(homedir(), 'google-cloud-sdk'),
  ].filter((root) => root !== '');
}
