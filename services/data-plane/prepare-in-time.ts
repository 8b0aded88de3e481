import { AppError } from '#shared/errors/app-error.ts';
import {
  KnownRefusal,
  type PreparedRequest,
  type Upstream,
  type UpstreamRequest,
} from './upstreams/upstream.ts';

type Prepared = PreparedRequest | KnownRefusal | AppError;

/** Credentials that do not come in time are none: the error to fail over with. */
export function prepareInTime(
  upstream: Upstream,
  request: UpstreamRequest,
  waitMs: number,
): Prepared | Promise<Prepared> {
  try {
    const prepared = upstream.prepare(request);
    return prepared instanceof Promise ? inTime(prepared, waitMs) : prepared;
  } catch (caught) {
    return asRefusal(caught);
  }
}

async function inTime(preparing: Promise<PreparedRequest>, waitMs: number): Promise<Prepared> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => reject(new AppError('unavailable', 'no credentials in time')),
    waitMs,
  );
  try {
    return await Promise.race([preparing, late]);
  } catch (caught) {
    return asRefusal(caught);
  } finally {
    clearTimeout(timer);
  }
}

function asRefusal(caught: unknown): KnownRefusal | AppError {
  return caught instanceof KnownRefusal ? caught : AppError.from(caught);
}
