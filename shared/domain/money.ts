// Money is integer micro-USD: 1 USD = 1 000 000. A safe integer holds nine billion dollars.

declare const unit: unique symbol;

export type MicroUsd = number & { readonly [unit]: 'MicroUsd' };

export const ZERO: MicroUsd = 0 as MicroUsd;
export const MICRO_USD_PER_USD = 1_000_000;
export const MICRO_USD_PER_CENT = 10_000;
export const MICRO_USD_MAX: MicroUsd = Number.MAX_SAFE_INTEGER as MicroUsd;

/** Brands an integer as micro-USD. @throws RangeError for a fraction or beyond 2^53 - 1. */
export function microUsd(value: number): MicroUsd {
  if (!Number.isSafeInteger(value)) throw new RangeError(`not an amount in micro-USD: ${value}`);
  return value as MicroUsd;
}

export function add(a: MicroUsd, b: MicroUsd): MicroUsd {
  return microUsd(a + b);
}

export function subtract(a: MicroUsd, b: MicroUsd): MicroUsd {
  return microUsd(a - b);
}

export function sum(amounts: Iterable<MicroUsd>): MicroUsd {
  let total = ZERO;
  for (const amount of amounts) total = add(total, amount);
  return total;
}

/** Whole cents from the wire ("1000"), clamped at what an integer can hold. */
export function fromCents(cents: bigint): MicroUsd {
  const micro = cents * BigInt(MICRO_USD_PER_CENT);
  return micro > BigInt(MICRO_USD_MAX) ? MICRO_USD_MAX : microUsd(Number(micro));
}

/** Cents as a decimal string with at most `decimalsMax` (0 to 4) places, cut, never rounded up. */
export function toCentsText(amount: MicroUsd, decimalsMax: number): string {
  const sign = amount < 0 ? '-' : '';
  const micro = Math.abs(amount);
  const whole = Math.floor(micro / MICRO_USD_PER_CENT);
  const fraction = String(micro % MICRO_USD_PER_CENT)
    .padStart(4, '0')
    .slice(0, decimalsMax)
    .replace(/0+$/, '');
  return `${sign}${whole}${fraction === '' ? '' : `.${fraction}`}`;
}
