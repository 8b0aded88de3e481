import { AppError } from '#shared/errors/app-error.ts';

const LIMIT_MAX = 1000;

/** `limit` of a list: 1 to 1000. @throws AppError `invalid_request` */
export function parsePageLimit(query: URLSearchParams, fallback: number): number {
  const text = query.get('limit');
  if (text === null) return fallback;
  const limit = /^\d{1,4}$/.test(text) ? Number(text) : 0;
  if (limit < 1 || limit > LIMIT_MAX) {
    throw new AppError('invalid_request', `limit: must be between 1 and ${LIMIT_MAX}`);
  }
  return limit;
}
