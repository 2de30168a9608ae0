/** A UDP port of the host that leads to one of an instance: each client has a flow of its own. */
import { createSocket, type RemoteInfo } from 'node:dgram';
import { isIPv4 } from 'node:net';
import type { Flow, NetworkAccess } from './network-access.ts';

/** Clients at once; beyond, the one that has been silent longest is forgotten. */
const maxClients = 1024;
/** Milliseconds without a datagram in either direction after which a client is forgotten. */
const idleTimeout = 60_000;
/** Datagrams of a client that wait until its flow is open. */
const maxWaiting = 16;

interface Client {
  flow: Flow | undefined;
  waiting: Buffer[];
  lastSeen: number;
}

export interface OpenPort {
  hostPort: number;
  close: () => void;
}

/** Rejects with the kernel's error where the port cannot be had. */
export function publishUdpPort(
  openFlow: NonNullable<NetworkAccess['openFlow']>,
  { address, hostPort, instancePort }: { address: string; hostPort: number; instancePort: number },
): Promise<OpenPort> {
  const socket = createSocket(isIPv4(address) ? 'udp4' : 'udp6');
  const clients = new Map<string, Client>();
  const forget = (name: string) => {
    clients.get(name)?.flow?.close();
    clients.delete(name);
  };
  const take = (datagram: Buffer, from: RemoteInfo) => {
    const name = `${from.address} ${from.port}`;
    const known = clients.get(name);
    const client = known ?? { flow: undefined, waiting: [], lastSeen: 0 };
    // The order of the map is that of the last datagrams.
    clients.delete(name);
    clients.set(name, client);
    client.lastSeen = performance.now();
    if (client.flow) client.flow.send(datagram);
    else if (client.waiting.length < maxWaiting) client.waiting.push(datagram);
    if (known) return;
    if (clients.size > maxClients) forget(clients.keys().next().value!);
    const answer = (back: Buffer) => {
      client.lastSeen = performance.now();
      socket.send(back, from.port, from.address, () => undefined);
    };
    openFlow(instancePort, answer).then(
      (flow) => {
        if (clients.get(name) !== client) return flow.close();
        client.flow = flow;
        for (const held of client.waiting.splice(0)) flow.send(held);
      },
      () => forget(name),
    );
  };
  const sweep = setInterval(() => {
    const oldest = performance.now() - idleTimeout;
    for (const [name, { lastSeen }] of clients) if (lastSeen < oldest) forget(name);
  }, idleTimeout / 4).unref();
  const close = () => {
    clearInterval(sweep);
    for (const name of clients.keys()) forget(name);
    socket.close();
  };
  return new Promise((done, fail) => {
    socket.once('error', (error) => {
      close();
      fail(error);
    });
    socket.bind({ address, port: hostPort, exclusive: true }, () => {
      socket.removeAllListeners('error');
      // What a client did not get is its own affair.
      socket.on('error', () => undefined);
      socket.on('message', take);
      done({ hostPort: socket.address().port, close });
    });
  });
}
