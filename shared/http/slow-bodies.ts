// Bodies that come so slowly that they are meant to hold a connection and its memory. One timer for the
// whole server looks at counters that sockets keep anyway; a request costs an entry in a map.

import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** In every window so many bytes, or the request ends. */
export interface BodyPace {
  readonly windowMs: number;
  readonly bytesMin: number;
}

/** The latest request of a connection. */
export interface Turn {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
}

export interface SlowBodies extends Disposable {
  /** Takes the place of the connection's request before. */
  watch(socket: Socket, turn: Turn): void;
  turnOf(socket: Socket): Turn | undefined;
  /** The connection's answer is over, or the connection. */
  answered(socket: Socket, turn: Turn): void;
}

interface Watched extends Turn {
  windowAtMs: number;
  bytesBefore: number;
}

export function watchBodies(
  { windowMs, bytesMin }: BodyPace,
  onSlow: (socket: Socket, turn: Turn) => void,
): SlowBodies {
  const watched = new Map<Socket, Watched>();

  function look(): void {
    const nowMs = performance.now();
    for (const [socket, turn] of watched) {
      const { req, res } = turn;
      if (socket.destroyed || (req.complete && res.closed)) watched.delete(socket);
      else if (!req.complete && nowMs - turn.windowAtMs >= windowMs) {
        // Bytes that wait for a handler are no fault of the client.
        const isSlow = socket.bytesRead - turn.bytesBefore < bytesMin && req.readableLength === 0;
        turn.windowAtMs = nowMs;
        turn.bytesBefore = socket.bytesRead;
        if (isSlow) onSlow(socket, turn);
      }
    }
  }

  const timer = setInterval(look, Math.min(windowMs / 4, 5_000)).unref();
  return {
    watch(socket, { req, res }) {
      const { bytesRead } = socket;
      watched.set(socket, {
        ...{ req, res, windowAtMs: performance.now(), bytesBefore: bytesRead },
      });
    },
    turnOf: (socket) => watched.get(socket),
    answered(socket, { req, res }) {
      // What is refused unread may still be arriving, and is watched on.
      if (watched.get(socket)?.res === res && (req.complete || socket.destroyed)) {
        watched.delete(socket);
      }
    },
    [Symbol.dispose]: () => clearInterval(timer),
  };
}
