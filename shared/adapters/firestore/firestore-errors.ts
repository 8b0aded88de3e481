// gRPC's codes as far as something here depends on them.

import { AppError } from '#shared/errors/app-error.ts';

const INVALID_ARGUMENT = 3;
const NOT_FOUND = 5;
const ALREADY_EXISTS = 6;
const FAILED_PRECONDITION = 9;
const ABORTED = 10;

/** A create met a document that is there already. */
export function isTaken(caught: unknown): boolean {
  return grpcCode(caught) === ALREADY_EXISTS;
}

/** A document is not as it was read: somebody else wrote, and reading again tells what. */
export function isMoved(caught: unknown): boolean {
  const code = grpcCode(caught);
  return (
    code === ALREADY_EXISTS ||
    code === FAILED_PRECONDITION ||
    code === NOT_FOUND ||
    code === ABORTED
  );
}

/** AppError for what Firestore, its transport or its credentials failed with; else as it was. */
export function translated(caught: unknown): unknown {
  if (caught instanceof AppError || !(caught instanceof Error)) return caught;
  const code = grpcCode(caught);
  const given = { detail: caught.message, cause: caught };
  if (code === ALREADY_EXISTS) {
    return new AppError('conflict', 'this exists already; read it again, then retry', given);
  }
  if (code === INVALID_ARGUMENT) {
    return new AppError(
      'invalid_request',
      'the database cannot store this; make it smaller',
      given,
    );
  }
  // FAILED_PRECONDITION too: a query without its index, until infra/firestore is deployed.
  return code !== null || isOfCredentials(caught)
    ? new AppError('unavailable', 'the database is not available; try again in a moment', given)
    : caught;
}

function grpcCode(caught: unknown): number | null {
  if (!(caught instanceof Error) || !('code' in caught)) return null;
  const { code } = caught;
  return typeof code === 'number' && code > 0 && code <= 16 ? code : null;
}

/** No token, no metadata server, no DNS: thrown before there is an RPC, so without its code. */
function isOfCredentials(caught: Error): boolean {
  return 'code' in caught || 'response' in caught || /credentials|metadata/i.test(caught.message);
}
