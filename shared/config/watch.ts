// Directories are watched, not the file: editors rename a new file over the old one, and Kubernetes
// swaps a symlink beside it. Events only say "look again"; the hash of the content decides.

import { type FSWatcher, realpathSync, watch } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import type { Fault, Warning } from './fault.ts';
import type { LoadResult } from './load.ts';
import type { GatewayConfig } from './schema.ts';

export interface ConfigChange {
  readonly warnings: readonly Warning[];
  readonly sha256: string;
}

export interface WatchOptions {
  readonly path: string;
  readonly load: () => LoadResult;
  /** Hash of what is in force now. Absent: the first look always reports. */
  readonly sha256?: string;
  /** A valid file that differs, or the first valid one after faults. */
  readonly onChange: (config: GatewayConfig, change: ConfigChange) => void;
  /** An invalid file: what is in force stays in force. */
  readonly onFaults: (faults: readonly Fault[]) => void;
  /** The directory cannot be watched (any more); `reload()` still works. Default: ignored. */
  readonly onBlind?: (error: unknown) => void;
  /** Milliseconds of silence before looking. Default 100. */
  readonly quietMs?: number;
}

export interface ConfigWatch extends AsyncDisposable {
  /** Looks at once, and reports a valid file even when it has not changed (SIGHUP). */
  reload(): void;
}

/** Watches gateway.yaml until it is disposed. */
export function watchConfig(options: WatchOptions): ConfigWatch {
  const { path, quietMs = 100 } = options;
  const look = createLook(options);
  const watchers = new Map<string, FSWatcher>();
  let timer: NodeJS.Timeout | undefined;
  const lookSoon = (): void => {
    clearTimeout(timer);
    timer = setTimeout(lookNow, quietMs, false).unref();
  };
  const lookNow = (isForced: boolean): void => {
    clearTimeout(timer);
    watchDirectories(path, watchers, lookSoon, options.onBlind);
    look(isForced);
  };
  watchDirectories(path, watchers, lookSoon, options.onBlind);
  lookSoon();
  return {
    reload: () => lookNow(true),
    async [Symbol.asyncDispose]() {
      clearTimeout(timer);
      for (const watcher of watchers.values()) watcher.close();
      watchers.clear();
    },
  };
}

/** Loads and reports what is new since the last look. */
function createLook({ load, sha256, onChange, onFaults }: WatchOptions) {
  let inForce = sha256;
  let reported: readonly Fault[] = [];
  return (isForced: boolean): void => {
    const result = load();
    if (!result.ok) {
      const isNews = isForced || !isDeepStrictEqual(result.faults, reported);
      reported = result.faults;
      if (isNews) onFaults(result.faults);
      return;
    }
    const isNews = isForced || reported.length > 0 || result.sha256 !== inForce;
    reported = [];
    inForce = result.sha256;
    if (isNews) onChange(result.config, { warnings: result.warnings, sha256: result.sha256 });
  };
}

/** Watches the file's directory and that of what it points to; both may move from look to look. */
function watchDirectories(
  path: string,
  watchers: Map<string, FSWatcher>,
  onEvent: () => void,
  onBlind: (error: unknown) => void = () => {},
): void {
  const wanted = new Set([dirname(resolve(path)), dirname(resolveLinks(path))]);
  for (const [directory, watcher] of watchers) {
    if (wanted.has(directory)) continue;
    watcher.close();
    watchers.delete(directory);
  }
  for (const directory of wanted) {
    if (watchers.has(directory)) continue;
    try {
      const watcher = watch(directory, { persistent: false }, onEvent);
      watchers.set(directory, watcher);
      watcher.on('error', (error) => {
        watchers.delete(directory);
        watcher.close();
        onBlind(error);
      });
    } catch (error) {
      onBlind(error);
    }
  }
}

function resolveLinks(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return resolve(path);
  }
}
