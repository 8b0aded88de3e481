// `npm start --silent -- caps apply FILE`: sends a file of caps to the admin API of a gateway and prints
// what differs, a line each.

import { readFile } from 'node:fs/promises';

interface ApplyCapsOptions {
  readonly file: string;
  /** Of the gateway. */
  readonly url: string;
  /** Of `admin.write_keys`; undefined: not set. */
  readonly key: string | undefined;
  readonly dryRun: boolean;
  readonly prune: boolean;
  readonly reason: string | null;
}

interface Limit {
  readonly scope: {
    readonly type: string;
    readonly user_id?: string;
    readonly rbac_group_id?: string;
  };
  readonly period: string;
  readonly model?: string;
  readonly amount: string | null;
  readonly pooled_budget?: { readonly amount: string; readonly paused: boolean } | null;
}

interface Plan {
  readonly create: readonly Limit[];
  readonly update: readonly { readonly before: Limit; readonly after: Limit }[];
  readonly delete: readonly Limit[];
  readonly unchanged: number;
  readonly warnings: readonly string[];
}

/** Answers the exit code. */
export async function applyCapsFile(options: ApplyCapsOptions): Promise<number> {
  try {
    const plan = await put(options, await readCapsFile(options));
    process.stdout.write(renderPlan(plan, options.dryRun));
    return 0;
  } catch (caught) {
    process.stderr.write(`Not applied: ${caught instanceof Error ? caught.message : caught}\n`);
    return 1;
  }
}

async function readCapsFile({ file, dryRun, prune, reason }: ApplyCapsOptions): Promise<object> {
  const text = await readFile(file, 'utf8').catch(() => {
    throw new Error(`${file} cannot be read`);
  });
  const given = parse(text, file);
  const whole: object = Array.isArray(given) ? { limits: given } : Object(given);
  return {
    ...whole,
    ...(dryRun ? { dry_run: true } : {}),
    ...(prune ? { prune: true } : {}),
    ...(reason === null ? {} : { reason }),
  };
}

function parse(text: string, file: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch (caught) {
    throw new Error(`${file} is no JSON: ${caught instanceof Error ? caught.message : ''}`);
  }
}

async function put({ url, key }: ApplyCapsOptions, body: object): Promise<Plan> {
  if (key === undefined) throw new Error('TALLYGATE_ADMIN_KEY is not set; accepted: a write key');
  const target = `${url.replace(/\/+$/, '')}/v1/organizations/spend_limits`;
  const response = await fetch(target, {
    method: 'PUT',
    headers: { 'x-api-key': key, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  }).catch((caught: unknown) => {
    throw new Error(`${target} does not answer`, { cause: caught });
  });
  const answer: unknown = await response.json().catch(() => null);
  const { type, error } = Object(answer) as { type?: unknown; error?: { message?: unknown } };
  if (type === 'spend_limits_plan') return answer as Plan;
  throw new Error(`the gateway answered ${response.status}: ${error?.message ?? 'no Tallygate'}`);
}

function renderPlan(plan: Plan, dryRun: boolean): string {
  const lines = [
    ...plan.create.map((limit) => `+ ${name(limit)}: ${said(limit)}`),
    ...plan.update.map(({ before, after }) => `~ ${name(after)}: ${said(before)} → ${said(after)}`),
    ...plan.delete.map((limit) => `- ${name(limit)}: ${said(limit)}`),
    ...plan.warnings.map((warning) => `! ${warning}`),
  ];
  const counts = [
    `${plan.create.length} created`,
    `${plan.update.length} changed`,
    `${plan.delete.length} deleted`,
    `${plan.unchanged} unchanged`,
  ];
  const end = `${counts.join(', ')}${dryRun ? ' (a dry run: nothing was written)' : ''}`;
  return `${[...lines, end].join('\n')}\n`;
}

function name({ scope, period, model }: Limit): string {
  const whose = [scope.type, scope.user_id ?? scope.rbac_group_id ?? []].flat().join(' ');
  return `${whose}, ${period}${model === undefined ? '' : `, ${model}`}`;
}

function said({ amount, pooled_budget: budget }: Limit): string {
  const own = amount === null ? 'unlimited' : dollars(amount);
  if (budget === undefined || budget === null) return own;
  return `${own}, budget ${dollars(budget.amount)}${budget.paused ? ' (paused)' : ''}`;
}

/** Whole cents as dollars, of any length. */
function dollars(cents: string): string {
  const digits = cents.padStart(3, '0');
  return `${digits.slice(0, -2)}.${digits.slice(-2)} USD`;
}
