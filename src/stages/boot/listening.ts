/** Listening sockets, from the kernel's tables (proc(5), /proc/net/tcp): the image cannot write them. */
import { maxPorts, type ListeningPort } from './evidence.ts';

export const socketTables = ['tcp', 'tcp6', 'udp', 'udp6'] as const;
export type SocketTables = Record<(typeof socketTables)[number], string>;

/** Kernel, include/net/tcp_states.h: a socket of UDP that is not connected has the state of a closed one. */
const states = { tcp: '0A', udp: '07' } as const;
/** The first of the ports that the kernel gives to clients; their sockets of UDP look like those of servers. */
const firstEphemeral = 32_768;

const row = /^\s*\d+: ([0-9A-F]{8}|[0-9A-F]{32}):([0-9A-F]{4}) [0-9A-F]+:[0-9A-F]{4} ([0-9A-F]{2}) /;

/** Of tables one after the other, each under its heading, as `cat` writes them. */
export function splitTables(text: string): SocketTables | undefined {
  const tables = text.split(/^(?= {2,3}sl )/m);
  if (tables.length !== socketTables.length) return undefined;
  return Object.fromEntries(socketTables.map((name, index) => [name, tables[index]!])) as SocketTables;
}

/** In order and once each. */
export function listeningPorts(tables: SocketTables): ListeningPort[] {
  const found = new Map<string, ListeningPort>();
  for (const table of socketTables) {
    const protocol = table.startsWith('tcp') ? 'tcp' : 'udp';
    for (const line of tables[table].split('\n')) {
      const [, address = '', hex = '', state] = row.exec(line) ?? [];
      if (state !== states[protocol]) continue;
      const port = Number.parseInt(hex, 16);
      if (port === 0 || (protocol === 'udp' && port >= firstEphemeral)) continue;
      const one = { protocol, address: addressOf(address), port } as const;
      found.set(`${protocol} ${one.address} ${one.port}`, one);
    }
  }
  return [...found.values()].toSorted(byPort).slice(0, maxPorts);
}

function byPort(a: ListeningPort, b: ListeningPort): number {
  const text = ({ protocol, address }: ListeningPort) => `${protocol} ${address}`;
  return a.port - b.port || (text(a) < text(b) ? -1 : 1);
}

/** The kernel writes the words of an address in its own byte order: little-endian on every architecture of Milliner. */
function addressOf(hex: string): string {
  const bytes = Buffer.from(hex, 'hex');
  bytes.swap32();
  if (bytes.length === 4) return bytes.join('.');
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2).toString(16));
  // Two URL parsers write one form of an address: the shortest.
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}
