// A worker's side: it ends when its primary says so, and drains too when there is no primary any more.

import cluster from 'node:cluster';

export interface Following extends Disposable {
  /** Resolves with what asked it to stop. */
  readonly stopped: Promise<string>;
}

/** @throws RangeError in a process that is no worker. */
export function followPrimary(): Following {
  const { worker } = cluster;
  if (worker === undefined) throw new RangeError('this process is no worker');
  const { promise: stopped, resolve } = Promise.withResolvers<string>();
  // Without it node ends a worker in the instant in which its primary is gone.
  worker.exitedAfterDisconnect = true;
  let isStopping = false;
  const stop = (why: string): void => {
    isStopping = true;
    resolve(why);
  };
  process.on('SIGTERM', () => stop('SIGTERM'));
  // Ctrl-C and a closed terminal reach the whole process group; the primary passes on what it means.
  process.on('SIGINT', () => undefined);
  process.on('SIGHUP', () => undefined);
  const orphaned = (): void => {
    // Somebody who asked twice does not want to wait for the drain.
    if (isStopping) process.exit(1);
    stop('the primary is gone');
  };
  process.once('disconnect', orphaned);
  return {
    stopped,
    [Symbol.dispose]() {
      process.off('disconnect', orphaned);
      if (worker.isConnected()) worker.disconnect();
    },
  };
}
