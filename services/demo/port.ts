import { AppError } from '#shared/errors/app-error.ts';

const DEFAULT_PORT = 8080;
const PORT_MAX = 65_535;

/**
 * Where the demo listens: PORT of the environment, and 8080 when it is unset or empty. Not 0: the
 * printed addresses and the redirect URI have the port in them before anything listens.
 * @throws AppError `invalid_request`
 */
export function demoPort(wanted: string | undefined): number {
  if (wanted === undefined || wanted === '') return DEFAULT_PORT;
  const port = /^\d{1,5}$/.test(wanted) ? Number(wanted) : 0;
  if (port >= 1 && port <= PORT_MAX) return port;
  const message = `PORT is ${JSON.stringify(wanted)}; accepted: a whole number from 1 to ${PORT_MAX}.`;
  throw new AppError('invalid_request', message);
}
