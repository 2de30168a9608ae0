/** Publishes ports of an instance on ports of the host while it runs. */
import { createServer } from 'node:net';
import { MillinerError } from '../../lib/errors/error.ts';
import type { NetworkAccess } from './network-access.ts';
import { publishUdpPort, type OpenPort } from './udp-port.ts';

export interface PortMapping {
  /** An address of the host. */
  address: string;
  /** 0 for any free port. */
  hostPort: number;
  instancePort: number;
  /** Absent for TCP, as in records of older versions. */
  protocol?: 'udp';
}

/**
 * Returns the mappings with the actual ports, and a function that closes them. Throws PORT_UNUSABLE, and BACKEND_LACKS
 * for UDP where only connections reach the instance.
 */
export async function publishPorts(
  network: NetworkAccess,
  wanted: PortMapping[],
): Promise<{ ports: PortMapping[]; close: () => void }> {
  const opened: OpenPort[] = [];
  const close = () => {
    for (const one of opened) one.close();
  };
  const ports: PortMapping[] = [];
  try {
    for (const mapping of wanted) {
      const one = await publishPort(network, mapping).catch((error: unknown) => {
        throw error instanceof MillinerError ? error : unusable(mapping, error as NodeJS.ErrnoException);
      });
      opened.push(one);
      ports.push({ ...mapping, hostPort: one.hostPort });
    }
  } catch (error) {
    close();
    throw error;
  }
  return { ports, close };
}

async function publishPort(network: NetworkAccess, mapping: PortMapping) {
  if (mapping.protocol === undefined) return publishTcpPort(network, mapping);
  if (network.openFlow) return publishUdpPort(network.openFlow, mapping);
  throw new MillinerError(
    'BACKEND_LACKS',
    `UDP port ${mapping.instancePort} cannot be published: only connections reach the instance`,
  );
}

function publishTcpPort(network: NetworkAccess, { address, hostPort, instancePort }: PortMapping) {
  const server = createServer({ pauseOnConnect: true, allowHalfOpen: true }, (socket) => {
    void network.carry(instancePort, socket);
  });
  return new Promise<OpenPort>((done, fail) => {
    server.once('error', fail);
    server.listen({ host: address, port: hostPort, exclusive: true }, () => {
      const bound = server.address();
      const port = typeof bound === 'object' && bound ? bound.port : hostPort;
      done({ hostPort: port, close: () => server.close() });
    });
  });
}

function unusable({ address, hostPort }: PortMapping, error: NodeJS.ErrnoException): MillinerError {
  const what = `${address} port ${hostPort} cannot be listened on: ${error.code}`;
  return new MillinerError('PORT_UNUSABLE', what, { cause: error, details: { address, port: hostPort } });
}
