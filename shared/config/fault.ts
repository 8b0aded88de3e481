/** One thing wrong with gateway.yaml. Never holds the value of a secret. */
export interface Fault {
  /** Where, as in the file: `upstreams[0].region`; empty for the file as a whole. */
  readonly path: string;
  /** What stands there. */
  readonly found: string;
  /** What may stand there. */
  readonly accepted: string;
  /** The sentence for a person. */
  readonly message: string;
}

/** Something doubtful that does not stop the gateway: one sentence, with its path. */
export interface Warning {
  readonly path: string;
  readonly message: string;
}

export type Path = readonly (string | number)[];

export function createFault(path: string, found: string, accepted: string): Fault {
  const where = path === '' ? 'gateway.yaml' : path;
  return { path, found, accepted, message: `${where}: found ${found}; accepted: ${accepted}.` };
}

/** `['upstreams', 0, 'region']` → `upstreams[0].region`; a key that is not a word is quoted. */
export function renderPath(path: Path): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${step}]`;
    else if (!/^[\w-]+$/.test(step)) text += `[${JSON.stringify(step)}]`;
    else text += text === '' ? step : `.${step}`;
  }
  return text;
}

/** True when `path` is `parent` or something below it. */
export function isWithin(path: string, parent: string): boolean {
  if (!path.startsWith(parent)) return false;
  const next = path[parent.length];
  return parent === '' || next === undefined || next === '.' || next === '[';
}
