// Reads a body once, as the chunk list it arrives in: no copy, and the same list can be sent to one
// upstream after the other.

import type { IncomingMessage } from 'node:http';
import { AppError } from '#shared/errors/app-error.ts';

export interface RequestBody {
  readonly chunks: Buffer[];
  readonly bytes: number;
}

/**
 * @throws AppError `request_too_large` above `bytesMax`, `invalid_request` when the client stops
 * before the length it announced.
 */
export function readBody(req: IncomingMessage, bytesMax: number): Promise<RequestBody> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let bytes = 0;
    const settle = (finish: () => void): void => {
      req.off('data', onData).off('end', onEnd).off('close', onCut).off('error', onCut);
      finish();
    };
    const onData = (chunk: Buffer): void => {
      bytes += chunk.length;
      if (bytes <= bytesMax) {
        chunks.push(chunk);
        return;
      }
      settle(() => reject(new AppError('request_too_large', 'payload too large')));
      req.resume();
    };
    const onEnd = (): void => settle(() => resolve({ chunks, bytes }));
    const onCut = (): void => {
      req.on('error', () => undefined);
      const message = 'the request body ended before its content-length; send it again';
      settle(() => reject(new AppError('invalid_request', message)));
    };
    if (req.destroyed) return onCut();
    req.on('data', onData).on('end', onEnd).on('close', onCut).on('error', onCut);
  });
}
