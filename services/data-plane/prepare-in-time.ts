import { AppError } from '#shared/errors/app-error.ts';
import {
  KnownRefusal,
  type PreparedRequest,
  type Upstream,
  type UpstreamRequest,
} from './upstreams/upstream.ts';

/** Credentials that do not come in time are none: the error to fail over with. */
export async function prepareInTime(
  upstream: Upstream,
  request: UpstreamRequest,
  waitMs: number,
): Promise<PreparedRequest | KnownRefusal | AppError> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new AppError('unavailable', 'no credentials in time')),
    waitMs,
  );
  try {
    return await Promise.race([upstream.prepare(request), late]);
  } catch (caught) {
    return caught instanceof KnownRefusal ? caught : AppError.from(caught);
  } finally {
    clearTimeout(timer);
  }
}
