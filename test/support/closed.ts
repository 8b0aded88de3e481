import assert from 'node:assert/strict';
import { AppError } from '#shared/errors/app-error.ts';

/** Every call must reject with `unavailable` and a sentence that says what is closed. */
export async function assertAllRefused(
  calls: Readonly<Record<string, () => Promise<unknown>>>,
): Promise<void> {
  for (const [method, call] of Object.entries(calls)) {
    await assert.rejects(call, (error) => {
      assert(error instanceof AppError, `${method} rejects with an AppError`);
      assert.equal(error.code, 'unavailable', method);
      assert.match(error.message, / is closed; /, method);
      return true;
    });
  }
}
