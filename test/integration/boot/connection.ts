/** Connections to published ports, as clients make them. */
import { createHash, randomBytes } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, isIPv4, type Socket } from 'node:net';
import { buffer } from 'node:stream/consumers';

export async function connected(port: number): Promise<Socket> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  await once(socket, 'connect');
  return socket;
}

/** Sends the bytes and then the end; gives all that comes back. */
export async function exchange(port: number, bytes: Buffer): Promise<Buffer> {
  const socket = await connected(port);
  socket.end(bytes);
  return buffer(socket);
}

/** Sends until an answer comes: datagrams may be lost. */
export async function exchangeDatagrams(address: string, port: number, text: string): Promise<string> {
  const socket = createSocket(isIPv4(address) ? 'udp4' : 'udp6');
  const answer = once(socket, 'message') as Promise<[Buffer]>;
  const sending = setInterval(() => socket.send(text, port, address), 50);
  const [found] = await answer.finally(() => clearInterval(sending));
  socket.close();
  return found.toString();
}

export const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');
export const random = (megabytes: number) => randomBytes(megabytes * 1024 * 1024);

/** What port 9 of serve.c answers: bytes, and FNV-1a of 64 bits. */
export function sumOf(bytes: Buffer): string {
  let hash = 0xcbf29ce484222325n;
  for (const byte of bytes) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  return `${bytes.length} ${hash.toString(16).padStart(16, '0')}\n`;
}
