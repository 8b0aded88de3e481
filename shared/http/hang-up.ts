// Answers of the server itself, on a connection whose request never reached a route or never ended.

import { randomUUID } from 'node:crypto';
import type { Socket } from 'node:net';

const REASONS = {
  400: 'Bad Request',
  408: 'Request Timeout',
  431: 'Request Header Fields Too Large',
} as const;

/** Long enough to read a refusal by; a client that goes on sending is cut then. */
const LINGER_MS = 2_000;

/** Ends the connection, with an answer where there is still a way to it. */
export function hangUp(socket: Socket, status: keyof typeof REASONS, isAnswering: boolean): void {
  if (!socket.writable || isAnswering) {
    socket.destroy();
    return;
  }
  const reason = REASONS[status];
  const text = status === 400 ? '' : reason.toLowerCase();
  socket.end(
    `HTTP/1.1 ${status} ${reason}\r\nconnection: close\r\n` +
      `content-type: text/plain;charset=utf-8\r\nx-request-id: ${randomUUID()}\r\n` +
      `content-length: ${text.length}\r\n\r\n${text}`,
  );
  setTimeout(() => socket.destroy(), LINGER_MS).unref();
}
