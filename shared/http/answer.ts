import type { ServerResponse } from 'node:http';

export type AnswerHeaders = Readonly<Record<string, string | number>>;

/** The content type is spelled as the reference spells it. */
export function sendJson(
  res: ServerResponse,
  status: number,
  value: unknown,
  headers: AnswerHeaders = {},
): void {
  send(res, status, JSON.stringify(value), 'application/json;charset=utf-8', headers);
}

export function sendText(
  res: ServerResponse,
  status: number,
  text: string,
  headers: AnswerHeaders = {},
): void {
  send(res, status, text, 'text/plain;charset=utf-8', headers);
}

export function sendHtml(
  res: ServerResponse,
  status: number,
  html: string,
  headers: AnswerHeaders = {},
): void {
  send(res, status, html, 'text/html; charset=utf-8', headers);
}

function send(
  res: ServerResponse,
  status: number,
  body: string,
  contentType: string,
  headers: AnswerHeaders,
): void {
  res.writeHead(status, {
    'content-type': contentType,
    ...headers,
    'content-length': Buffer.byteLength(body),
  });
  res.end(body);
}
