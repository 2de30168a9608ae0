import fc from 'fast-check';
import { expect, test } from 'vitest';
import { maxPorts } from './evidence.ts';
import { listeningPorts, splitTables, type SocketTables } from './listening.ts';

const head =
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode';
const line = (local: string, state: string, far = '00000000:0000') =>
  `   0: ${local} ${far} ${state} 00000000:00000000 00:00000000 00000000     0        0 66 1 0`;
const none: SocketTables = { tcp: head, tcp6: head, udp: head, udp6: head };
const table = (...lines: string[]) => [head, ...lines, ''].join('\n');
const far = '0100007F:1F90';

test('sockets that listen, of both protocols and both versions of IP', () => {
  const ports = listeningPorts({
    tcp: table(line('0100007F:0CEA', '0A'), line('0100007F:0CEA', '01', far), line('00000000:0050', '0A')),
    tcp6: table(
      line('00000000000000000000000000000000:0050', '0A', `${'0'.repeat(32)}:0000`),
      line('0000000000000000FFFF00000100007F:1F91', '0A', `${'0'.repeat(32)}:0000`),
    ),
    udp: table(line('00000000:0035', '07'), line('0100007F:0036', '01', far), line('00000000:9C40', '07')),
    udp6: table(line('00000000000000000000000001000000:0035', '07', `${'0'.repeat(32)}:0000`)),
  });
  expect(ports.map(({ protocol, address, port }) => `${protocol} ${address} ${port}`)).toEqual([
    'udp 0.0.0.0 53',
    'udp ::1 53',
    'tcp 0.0.0.0 80',
    'tcp :: 80',
    'tcp 127.0.0.1 3306',
    'tcp ::ffff:7f00:1 8081',
  ]);
});

test('tables one after the other', () => {
  // The kernel indents the heading of UDP on IPv4 by one more.
  const udp = ` ${table()}`;
  const tables = { tcp: table(line('00000000:0050', '0A')), tcp6: table(), udp, udp6: table() };
  expect(splitTables(Object.values(tables).join(''))).toEqual(tables);
  expect(splitTables('felt')).toBeUndefined();
});

test('a socket counts once, and there is a bound', () => {
  const twice = table(line('00000000:0050', '0A'), line('00000000:0050', '0A'));
  expect(listeningPorts({ ...none, tcp: twice })).toHaveLength(1);
  const hex = (port: number) => port.toString(16).toUpperCase().padStart(4, '0');
  const many = table(...Array.from({ length: 5000 }, (_, index) => line(`00000000:${hex(index + 1)}`, '0A')));
  expect(listeningPorts({ ...none, tcp: many })).toHaveLength(maxPorts);
});

test('whatever a table holds, ports are ports', () => {
  fc.assert(
    fc.property(fc.string(), fc.string({ unit: 'binary' }), (tcp, udp6) => {
      expect(listeningPorts({ ...none, tcp, udp6 })).toEqual([]);
    }),
  );
});
