/** Publishes ports of an instance on ports of the host while it runs. */
import { createServer, type Server } from 'node:net';
import { MillinerError } from '../../lib/errors/error.ts';
import type { NetworkAccess } from './instance.ts';

export interface PortMapping {
  /** An address of the host. */
  address: string;
  /** 0 for any free port. */
  hostPort: number;
  instancePort: number;
}

/** Returns the mappings with the actual ports, and a function that closes them. Throws PORT_UNUSABLE. */
export async function publishPorts(
  network: NetworkAccess,
  wanted: PortMapping[],
): Promise<{ ports: PortMapping[]; close: () => void }> {
  const servers: Server[] = [];
  const close = () => {
    for (const server of servers) server.close();
  };
  const ports: PortMapping[] = [];
  try {
    for (const mapping of wanted) {
      const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }, (socket) => {
        void network.carry(mapping.instancePort, socket);
      });
      servers.push(server);
      ports.push({ ...mapping, hostPort: await listen(server, mapping) });
    }
  } catch (error) {
    close();
    throw error;
  }
  return { ports, close };
}

function listen(server: Server, { address, hostPort }: PortMapping): Promise<number> {
  return new Promise((done, fail) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const what = `${address} port ${hostPort} cannot be listened on: ${error.code}`;
      fail(new MillinerError('PORT_UNUSABLE', what, { cause: error, details: { address, port: hostPort } }));
    });
    server.listen({ host: address, port: hostPort, exclusive: true }, () => {
      const bound = server.address();
      done(typeof bound === 'object' && bound ? bound.port : hostPort);
    });
  });
}
