import { readFileSync } from 'node:fs';
import { AppError } from '#shared/errors/app-error.ts';

/** @throws AppError `unavailable` naming the file that cannot be read. */
export function readTls({ cert, key }: { cert: string; key: string }) {
  const read = (path: string) => {
    try {
      return readFileSync(path);
    } catch (cause) {
      const message = `${path} cannot be read; check listen.tls.`;
      throw new AppError('unavailable', message, { cause });
    }
  };
  return { cert: read(cert), key: read(key) };
}
