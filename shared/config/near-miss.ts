/**
 * The accepted key that was probably meant, or undefined. Case, `-` and `_` do not count; up to two
 * typing slips do (one for short keys).
 */
export function nearMiss(key: string, accepted: readonly string[]): string | undefined {
  const plain = fold(key);
  const slipsMax = plain.length <= 4 ? 1 : 2;
  let best: string | undefined;
  let bestSlips = slipsMax + 1;
  for (const candidate of accepted) {
    const slips = countSlips(plain, fold(candidate));
    if (slips < bestSlips) {
      best = candidate;
      bestSlips = slips;
    }
  }
  return best;
}

function fold(key: string): string {
  return key.toLowerCase().replaceAll(/[-_]/g, '');
}

/** Optimal string alignment distance: insert, delete, replace, swap neighbours. */
function countSlips(a: string, b: string): number {
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const replaced = last[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      let least = Math.min(replaced, last[j]! + 1, row[j - 1]! + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        least = Math.min(least, beforeLast[j - 2]! + 1);
      }
      row.push(least);
    }
    beforeLast = last;
    last = row;
  }
  return last[b.length]!;
}
