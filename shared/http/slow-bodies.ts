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

interface Watched {
  /** Null: it is idle. */
  turn: Turn | null;
  windowAtMs: number;
  bytesBefore: number;
}

export function watchBodies(
  { windowMs, bytesMin }: BodyPace,
  onSlow: (socket: Socket, turn: Turn) => void,
): SlowBodies {
  // An entry for each connection, not for each request: the tables that a Map leaves behind as entries come
  // and go lead to each other, and keep what they still hold alive.
  const watched = new Map<Socket, Watched>();

  function look(): void {
    const nowMs = performance.now();
    for (const [socket, own] of watched) {
      if (own.turn === null) continue;
      const { req, res } = own.turn;
      if (req.complete && res.closed) own.turn = null;
      else if (!req.complete && nowMs - own.windowAtMs >= windowMs) {
        // Bytes that wait for a handler are no fault of the client.
        const isSlow = socket.bytesRead - own.bytesBefore < bytesMin && req.readableLength === 0;
        const { turn } = own;
        own.windowAtMs = nowMs;
        own.bytesBefore = socket.bytesRead;
        if (isSlow) onSlow(socket, turn);
      }
    }
  }

  function entryOf(socket: Socket): Watched {
    const known = watched.get(socket);
    if (known !== undefined) return known;
    const entry: Watched = { turn: null, windowAtMs: 0, bytesBefore: 0 };
    watched.set(socket, entry);
    socket.once('close', () => watched.delete(socket));
    return entry;
  }

  const timer = setInterval(look, Math.min(windowMs / 4, 5_000)).unref();
  return {
    watch(socket, turn) {
      const entry = entryOf(socket);
      entry.turn = turn;
      entry.windowAtMs = performance.now();
      entry.bytesBefore = socket.bytesRead;
    },
    turnOf: (socket) => watched.get(socket)?.turn ?? undefined,
    answered(socket, { req, res }) {
      const entry = watched.get(socket);
      // What is refused unread may still be arriving, and is watched on.
      if (entry?.turn?.res === res && req.complete) entry.turn = null;
    },
    [Symbol.dispose]: () => clearInterval(timer),
  };
}
