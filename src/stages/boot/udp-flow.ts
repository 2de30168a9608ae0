/** Datagrams to a UDP port of an instance and back, as one client of it sends and gets them. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';
import type { FileHandle } from 'node:fs/promises';
import { isIPv4 } from 'node:net';
import { native } from '../../lib/host/native.ts';
import type { Flow } from './network-access.ts';
import type { Way } from './membership.ts';

/** To the first way that has a namespace; where no program listens there, the kernel reports it and the next datagram goes the next way. */
export async function openUdpFlow(
  ways: readonly Way[],
  port: number,
  onAnswer: (datagram: Buffer) => void,
): Promise<Flow> {
  const sockets: Socket[] = [];
  let current = 0;
  try {
    for (const way of ways) {
      if (!way.space) continue;
      const socket = await connected(way.space, way.address, port);
      sockets.push(socket);
      socket.on('message', onAnswer);
      socket.on('error', () => (current = (sockets.indexOf(socket) + 1) % sockets.length));
    }
  } catch (error) {
    for (const socket of sockets) socket.close();
    throw error;
  }
  return {
    send: (datagram) => sockets[current]?.send(datagram, () => undefined),
    close: () => {
      for (const socket of sockets) socket.close();
    },
  };
}

async function connected(space: FileHandle, address: string, port: number): Promise<Socket> {
  const [type, any] = isIPv4(address) ? (['udp4', '0.0.0.0'] as const) : (['udp6', '::'] as const);
  const socket = createSocket(type);
  socket.bind({ fd: await native().bindIn(space.fd, 'udp', any, 0) });
  socket.connect(port, address);
  await once(socket, 'connect');
  return socket;
}
