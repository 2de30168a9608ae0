/** A published port for people: 127.0.0.1:8080 -> 80, [::1]:5353 -> 53/udp. */
import { isIPv6 } from 'node:net';
import type { RunningInstance } from '../pipeline/instance/instance-records.ts';

type Port = RunningInstance['ports'][number];

export function formatPort({ address, hostPort, instancePort, protocol }: Port): string {
  const host = isIPv6(address) ? `[${address}]` : address;
  return `${host}:${hostPort} -> ${instancePort}${protocol === undefined ? '' : `/${protocol}`}`;
}
