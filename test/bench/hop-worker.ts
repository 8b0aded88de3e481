// The other processes of the benchmark, each a file that answers one message with one message.

import { type ChildProcess, fork } from 'node:child_process';
import type { LoadOrder, LoadReport } from './hop-load.ts';
import type { ModelOrder } from './hop-model.ts';

export interface Loader extends Disposable {
  drive(order: LoadOrder): Promise<LoadReport>;
}

export interface BenchModel extends Disposable {
  readonly port: number;
  behave(order: ModelOrder): Promise<void>;
}

export async function startLoader(): Promise<Loader> {
  const child = startFile('hop-load.ts');
  await nextMessage(child);
  return {
    drive: async (order) => (await asked(child, order)) as LoadReport,
    [Symbol.dispose]: () => void child.kill(),
  };
}

export async function startModel(): Promise<BenchModel> {
  const child = startFile('hop-model.ts');
  const { port } = (await nextMessage(child)) as { port: number };
  return {
    port,
    async behave(order) {
      await asked(child, order);
    },
    [Symbol.dispose]: () => void child.kill(),
  };
}

function startFile(name: string): ChildProcess {
  return fork(`${import.meta.dirname}/${name}`, { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
}

function asked(child: ChildProcess, message: object): Promise<unknown> {
  const answered = nextMessage(child);
  child.send(message);
  return answered;
}

function nextMessage(child: ChildProcess): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const onExit = (code: number | null) => reject(new Error(`a process ended with ${code}`));
    child.once('exit', onExit);
    child.once('message', (message) => {
      child.off('exit', onExit);
      resolve(message);
    });
  });
}
