// A person in a browser gets a page even when we fail, not JSON.

import { AppError } from '#shared/errors/app-error.ts';
import { sendHtml } from '#shared/http/answer.ts';
import type { Exchange } from '#shared/http/route.ts';
import type { Log } from '#shared/telemetry/log.ts';
import { retryPage } from '../login/outcome-pages.ts';
import { pageHeaders } from '../login/page.ts';

const SORRY = 'Something went wrong on our side. Try again in a moment.';

export function pageOnFailure(
  handle: (exchange: Exchange) => Promise<void>,
  log: Log,
): (exchange: Exchange) => Promise<void> {
  return async (exchange) => {
    try {
      await handle(exchange);
    } catch (caught) {
      const error = AppError.from(caught);
      if (exchange.res.headersSent || !['internal', 'unavailable'].includes(error.code))
        throw error;
      const { requestId: request_id } = exchange;
      log.error('a sign-in page failed', { request_id, reason: error.detail, err: error });
      const userCode = exchange.url.searchParams.get('user_code');
      sendHtml(exchange.res, 503, retryPage(SORRY, userCode), pageHeaders());
    }
  };
}
