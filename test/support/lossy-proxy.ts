// A proxy for gRPC without TLS (to an emulator) that can lose an answer: the server has done what
// it was asked, and the connection breaks before the client hears of it.

import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface LossyProxy extends AsyncDisposable {
  /** `host:port` */
  readonly host: string;
  /** Breaks the connection at the nth answer from now on (1: the next), which never arrives. */
  lose(nth: number): void;
  /** How many were lost so far. */
  readonly lost: number;
}

const FRAME_HEADER_BYTES = 9;
const HEADERS_FRAME = 1;

export async function openLossyProxy(target: string): Promise<LossyProxy> {
  const [targetHost = '', targetPort] = target.split(':');
  const sockets = new Set<Socket>();
  let left = 0;
  let lost = 0;

  const server = createServer((client) => {
    const upstream = connect(Number(targetPort), targetHost);
    const breakOff = () => {
      client.destroy();
      upstream.destroy();
    };
    for (const socket of [client, upstream]) {
      sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', breakOff);
      socket.on('close', () => {
        sockets.delete(socket);
        breakOff();
      });
    }
    client.pipe(upstream);
    const answers = createAnswerReader();
    upstream.on('data', (chunk: Buffer) => {
      const begun = answers(chunk);
      if (left > 0 && begun >= left) {
        left = 0;
        lost += 1;
        breakOff();
        return;
      }
      if (left > 0) left -= begun;
      client.write(chunk);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    host: `127.0.0.1:${port}`,
    lose(nth) {
      left = nth;
    },
    get lost() {
      return lost;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Counts the answers that begin in each chunk: the first HEADERS frame of a stream. */
function createAnswerReader(): (chunk: Buffer) => number {
  const streams = new Set<number>();
  let rest: Buffer = Buffer.alloc(0);
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    let begun = 0;
    while (rest.length >= FRAME_HEADER_BYTES) {
      const frameBytes = FRAME_HEADER_BYTES + rest.readUIntBE(0, 3);
      if (rest.length < frameBytes) break;
      const stream = rest.readUInt32BE(5);
      if (rest[3] === HEADERS_FRAME && !streams.has(stream)) {
        streams.add(stream);
        begun += 1;
      }
      rest = rest.subarray(frameBytes);
    }
    return begun;
  };
}
