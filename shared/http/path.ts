import type { IncomingMessage } from 'node:http';

/** As it stands in the request, without the query. */
export function pathOf({ url = '/' }: IncomingMessage): string {
  const query = url.indexOf('?');
  return query < 0 ? url : url.slice(0, query);
}
