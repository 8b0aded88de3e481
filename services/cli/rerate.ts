// `rerate`: prices the events of a past period by the book in force, shows the difference, and posts it
// as corrections when told to. It streams: a period may have more events than memory holds.

import type { Clock } from '#shared/domain/clock.ts';
import { type UnknownModel, unknownModelsOf } from '#shared/domain/event-price.ts';
import { modelKey } from '#shared/domain/model-key.ts';
import { add, type MicroUsd, sum, ZERO } from '#shared/domain/money.ts';
import type { PriceBook } from '#shared/domain/pricing.ts';
import { correctionOf, createRerateSum, type Rerated, rerate } from '#shared/domain/rerating.ts';
import type { UsageEvent } from '#shared/domain/usage-event.ts';
import type { Ledger } from '#shared/ports/ledger.ts';
import { renderRerate, usdText } from './rerate-report.ts';

export interface RerateOptions {
  readonly ledger: Pick<Ledger, 'eventsBetween' | 'corrections' | 'correct'>;
  readonly book: PriceBook;
  readonly clock: Clock;
  /** Admitted in `[fromMs, toMs)`. */
  readonly fromMs: number;
  readonly toMs: number;
  /** Only these, in any spelling; empty: all. */
  readonly models: readonly string[];
  /** Null: the difference is shown, and nothing is written. */
  readonly post: { readonly reason: string | null } | null;
  readonly print: (text: string) => void;
}

interface Posted {
  readonly count: number;
  readonly amountMicroUsd: MicroUsd;
  /** Corrected by somebody else since they were read, or gone from the ledger. */
  readonly left: number;
}

const ACTOR = 'cli';
/** What one call of `correct` takes. */
const BATCH = 100;

export async function runRerate(options: RerateOptions): Promise<void> {
  const { book, post, print } = options;
  const changed = await showDifference(options);
  if (changed === 0) return print(`Nothing to post: every event costs this by ${book.version}.\n`);
  if (post === null) return print('Nothing was posted. To post it: --post --reason TEXT\n');
  const { count, amountMicroUsd, left } = await postDifference(options, post.reason);
  print(
    `Posted ${count} corrections, ${usdText(amountMicroUsd)} USD in all. Reports show them now;\n`,
  );
  print('what caps count follows with the next run of the job `recompute`.\n');
  if (left > 0) print(`${left} were not posted: their events changed meanwhile. Run this again.\n`);
}

/** Returns how many events would cost something else. */
async function showDifference(options: RerateOptions): Promise<number> {
  const rerateSum = createRerateSum();
  const unknown = new Map<string, UnknownModel>();
  for await (const page of reratedPages(options)) {
    for (const rerated of page) rerateSum.add(rerated);
    for (const model of unknownModelsOf(page.map(asPriced))) {
      unknown.set(JSON.stringify([model.upstream, model.servedModel]), model);
    }
  }
  const lines = rerateSum.lines();
  options.print(renderRerate(lines));
  for (const { upstream, servedModel } of unknown.values()) {
    const what = `${JSON.stringify(servedModel)} on ${JSON.stringify(upstream)}`;
    options.print(`${what} has no price: its events are at the rate for unknown models.\n`);
  }
  return lines.reduce((all, { changed }) => all + changed, 0);
}

function asPriced({ event, priced }: Rerated): UsageEvent {
  return { ...event, priceRow: priced?.row ?? '' };
}

async function postDifference(options: RerateOptions, reason: string | null): Promise<Posted> {
  const { ledger, clock } = options;
  let [count, left, amountMicroUsd] = [0, 0, ZERO];
  for await (const page of reratedPages(options)) {
    const posting = { postedAtMs: clock.now(), actor: ACTOR, reason };
    const corrections = page.flatMap((rerated) => correctionOf(rerated, posting) ?? []);
    if (corrections.length === 0) continue;
    const recorded = new Set((await ledger.correct(corrections)).recorded);
    const counted = corrections.filter(({ id }) => recorded.has(id));
    count += counted.length;
    left += corrections.length - counted.length;
    amountMicroUsd = add(amountMicroUsd, sum(counted.map((one) => one.amountMicroUsd)));
  }
  return { count, amountMicroUsd, left };
}

async function* reratedPages(options: RerateOptions): AsyncGenerator<Rerated[]> {
  const { ledger, book, fromMs, toMs } = options;
  const isWanted = modelFilter(options.models);
  let after: string | null = null;
  do {
    const page: Awaited<ReturnType<Ledger['eventsBetween']>> = await ledger.eventsBetween(
      ...[fromMs, toMs, after, BATCH],
    );
    after = page.next;
    const events = page.rows.filter(isWanted);
    if (events.length === 0) continue;
    const corrections = await ledger.corrections(events.map(({ id }) => id));
    const byEvent = Map.groupBy(corrections, ({ eventId }) => eventId);
    yield events.map((event) => {
      const amounts = (byEvent.get(event.id) ?? []).map((one) => one.amountMicroUsd);
      return rerate(event, amounts, book);
    });
  } while (after !== null);
}

function modelFilter(models: readonly string[]): (event: UsageEvent) => boolean {
  const names = new Set(
    models.flatMap((model) => [model.toLowerCase(), modelKey(model) ?? []].flat()),
  );
  return ({ servedModel, requestedModel }) =>
    names.size === 0 ||
    [servedModel, requestedModel].some(
      (model) => names.has(model.toLowerCase()) || names.has(modelKey(model) ?? ''),
    );
}
