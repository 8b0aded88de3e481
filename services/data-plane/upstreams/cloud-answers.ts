// What a cloud says when it does not serve: its own words to the operator's log, ours to the client.

import type { Log } from '#shared/telemetry/log.ts';
import { translateCloudError, translateCloudStreamError } from './cloud-errors.ts';
import { readCloudWords } from './cloud-words.ts';
import type { Upstream } from './upstream.ts';

export interface CloudAnswersOptions {
  /** The upstream's name. */
  readonly name: string;
  /** What of the operator's the cloud calls by name, and no client may read. */
  readonly project: string;
  readonly log: Log;
}

export function cloudAnswers({
  name,
  project,
  log,
}: CloudAnswersOptions): Pick<Upstream, 'translateError' | 'translateStreamError'> {
  const about = (said: Buffer, requestId: string) => {
    const { errorStatus, message } = readCloudWords(said);
    const words = { upstream_status: errorStatus, upstream_message: message };
    return { upstream: name, request_id: requestId, ...words };
  };
  return {
    translateError(reply, requestId) {
      const { status, body } = reply;
      log.warn('a cloud refused a request', { ...about(body, requestId), status });
      return translateCloudError(reply, { project, requestId });
    },
    translateStreamError(data, requestId) {
      log.warn('a cloud ended a stream with an error', about(Buffer.from(data), requestId));
      return translateCloudStreamError(data, project);
    },
  };
}
