// One connection, spoken by hand: for what an HTTP client would never send.

import { connect } from 'node:net';

/** Sends the text and answers with everything received until the other side closes. */
export function speak(port: number, text: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    const socket = connect(port, '127.0.0.1', () => socket.write(text));
    socket.on('data', (chunk: Buffer) => chunks.push(chunk));
    socket.on('end', () => socket.end());
    socket.on('error', reject);
    socket.on('close', () => resolve(Buffer.concat(chunks).toString('latin1')));
  });
}

/** Status and body of the last answer in what `speak` received. */
export function lastAnswer(received: string): { status: number; body: string } {
  const start = received.lastIndexOf('HTTP/1.1 ');
  const answer = received.slice(start);
  const body = answer.slice(answer.indexOf('\r\n\r\n') + 4);
  return { status: Number(answer.slice(9, 12)), body };
}
