import type { ErrorCode } from './codes.ts';

export interface AppErrorOptions {
  /** For the operator's log only. */
  readonly detail?: string;
  readonly cause?: unknown;
  readonly retryAfterSeconds?: number;
}

/**
 * What should not happen to a correct caller, or what the world did to us. `message` is public: one
 * sentence that tells the person what to do. `detail` and `cause` are for the operator.
 */
export class AppError extends Error {
  override readonly name = 'AppError';
  readonly code: ErrorCode;
  readonly detail: string | undefined;
  readonly retryAfterSeconds: number | undefined;

  constructor(code: ErrorCode, message: string, options: AppErrorOptions = {}) {
    super(message, options.cause === undefined ? {} : { cause: options.cause });
    this.code = code;
    this.detail = options.detail;
    this.retryAfterSeconds = options.retryAfterSeconds;
  }

  /** The one place where a caught value becomes an error; the text of anything unknown is hidden. */
  static from(caught: unknown): AppError {
    if (caught instanceof AppError) return caught;
    const detail = caught instanceof Error ? caught.message : String(caught);
    return new AppError('internal', 'internal server error', { detail, cause: caught });
  }
}
