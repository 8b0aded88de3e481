// `npm start -- rerate`: arguments and gateway.yaml → ledger and price book → a re-rating.

import { parseArgs } from 'node:util';
import { INSTANT, readInstant } from '#shared/config/instant.ts';
import { loadConfig } from '#shared/config/load.ts';
import { renderFaults } from '#shared/config/render-faults.ts';
import type { Clock } from '#shared/domain/clock.ts';
import { createPriceBook } from '#shared/domain/pricing.ts';
import { AppError } from '#shared/errors/app-error.ts';
import type { Log } from '#shared/telemetry/log.ts';
import { runRerate } from '../cli/rerate.ts';
import { openBooks } from './stores/open-books.ts';

export interface RerateCommand {
  /** What follows `rerate`. */
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly log: Log;
  readonly print: (text: string) => void;
  readonly complain: (text: string) => void;
}

const DAY_MS = 86_400_000;

/** @returns the exit code. @throws AppError `invalid_request` for arguments, `unavailable` for stores. */
export async function rerateCommand(command: RerateCommand): Promise<number> {
  const { env, clock, log, print } = command;
  const wanted = readArgs(command.args);
  const loaded = loadConfig({ path: wanted.config }, { env });
  if (!loaded.ok) {
    command.complain(renderFaults(loaded.faults, wanted.config));
    return 1;
  }
  const { config } = loaded;
  await using books = await openBooks({ config, plane: 'control', env, clock, log });
  const { ledger } = books;
  await runRerate({ ...wanted, ledger, book: createPriceBook(config.pricing), clock, print });
  return 0;
}

function readArgs(args: readonly string[]) {
  const { values } = parse(args);
  const fromMs = readInstant(values.from);
  const toMs = endOf(values.to);
  if (fromMs === undefined) throw wrong(`--from must be ${INSTANT}`);
  if (toMs === undefined) throw wrong(`--to must be ${INSTANT}`);
  if (fromMs >= toMs) throw wrong('--to must be later than --from');
  const reason = values.reason ?? null;
  if (reason !== null && !values.post) throw wrong('--reason is for --post');
  return {
    ...{ config: values.config, fromMs, toMs, models: values.model },
    post: values.post ? { reason } : null,
  };
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({
      args: [...args],
      options: {
        config: { type: 'string', default: 'gateway.yaml' },
        from: { type: 'string' },
        to: { type: 'string' },
        model: { type: 'string', multiple: true, default: [] },
        post: { type: 'boolean', default: false },
        reason: { type: 'string' },
      },
    });
  } catch (cause) {
    throw wrong(cause instanceof Error ? cause.message : 'the arguments cannot be read', cause);
  }
}

/** A date is its whole day; a time is the first instant that does not belong to the period. */
function endOf(to: string | undefined): number | undefined {
  const ms = readInstant(to);
  return ms === undefined || to?.includes('T') || to?.includes('t') ? ms : ms + DAY_MS;
}

function wrong(message: string, cause?: unknown): AppError {
  return new AppError('invalid_request', message, { cause });
}
