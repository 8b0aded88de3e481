// Small bodies of the control plane. The data plane's prompts are read by the data plane, as chunks.

import type { IncomingMessage } from 'node:http';
import { AppError } from '#shared/errors/app-error.ts';

const SMALL_BODY_BYTES_MAX = 1_048_576;

/** The whole body. @throws AppError `request_too_large`, `invalid_request` when it was cut off. */
export async function readBody(req: IncomingMessage, bytesMax: number): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let bytes = 0;
  try {
    // A loop that is left would destroy the request and take its socket from it; both still answer.
    for await (const chunk of req.iterator({ destroyOnReturn: false })) {
      bytes += (chunk as Buffer).byteLength;
      if (bytes > bytesMax) throw new AppError('request_too_large', 'payload too large');
      chunks.push(chunk as Buffer);
    }
  } catch (cause) {
    if (cause instanceof AppError) throw cause;
    throw new AppError('invalid_request', 'the request body was cut off; send it again', { cause });
  }
  return Buffer.concat(chunks, bytes);
}

/**
 * A form, urlencoded or multipart (RFC 6749 §3.2: a parameter must not come twice).
 * @throws AppError `invalid_request` for any other body.
 */
export async function readForm(
  req: IncomingMessage,
  bytesMax = SMALL_BODY_BYTES_MAX,
): Promise<URLSearchParams> {
  const body = await readBody(req, bytesMax);
  const contentType = req.headers['content-type'] ?? '';
  const form = contentType.toLowerCase().startsWith('multipart/form-data')
    ? await readMultipart(body, contentType)
    : readUrlencoded(body, contentType);
  const names = [...form.keys()];
  const twice = names.find((name, i) => names.indexOf(name) !== i);
  if (twice !== undefined) throw new AppError('invalid_request', `${twice} is given twice`);
  return form;
}

/** @throws AppError `invalid_request`: `invalid JSON body`. */
export async function readJson(
  req: IncomingMessage,
  bytesMax = SMALL_BODY_BYTES_MAX,
): Promise<unknown> {
  const body = await readBody(req, bytesMax);
  try {
    return JSON.parse(body.toString('utf8')) as unknown;
  } catch (cause) {
    throw new AppError('invalid_request', 'invalid JSON body', { cause });
  }
}

function readUrlencoded(body: Buffer, contentType: string): URLSearchParams {
  if (body.byteLength > 0 && !/^application\/x-www-form-urlencoded\b/i.test(contentType)) {
    throw new AppError('invalid_request', 'send the parameters as a form');
  }
  return new URLSearchParams(body.toString('utf8'));
}

async function readMultipart(body: Buffer, contentType: string): Promise<URLSearchParams> {
  try {
    const headers = { 'content-type': contentType };
    const data = await new Response(new Uint8Array(body), { headers }).formData();
    const fields = [...data].filter(
      (entry): entry is [string, string] => typeof entry[1] === 'string',
    );
    return new URLSearchParams(fields);
  } catch (cause) {
    throw new AppError('invalid_request', 'the multipart form cannot be read', { cause });
  }
}
