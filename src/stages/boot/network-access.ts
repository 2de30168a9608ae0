/** How an instance is reached over the network, whatever it runs in. */
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { ListeningPort } from './evidence.ts';

/** Access from the host to the network of an instance. */
export interface NetworkAccess {
  /** Undefined if a port of the instance accepts connections, otherwise the reason. */
  tcp(port: number, timeout: number): Promise<string | undefined>;
  /** Undefined if a URL answers with this status, otherwise the reason. */
  http(url: string, status: number, timeout: number): Promise<string | undefined>;
  /** The sockets that its programs listen with, as its kernel tells them; undefined where it cannot be asked. */
  listening(): Promise<ListeningPort[] | undefined>;
  /** Forwards a connection from outside, from which nothing was read, to a port of the instance. */
  carry(port: number, outer: Socket): Promise<void>;
  /** Datagrams of one client to a UDP port of the instance; undefined where only connections reach it. */
  readonly openFlow: ((port: number, onAnswer: (datagram: Buffer) => void) => Promise<Flow>) | undefined;
}

export interface Flow {
  send(datagram: Buffer): void;
  close(): void;
}

/** A connection, whatever carries it. */
export type Carrier = Duplex & Pick<Socket, 'destroySoon'>;

/** A connected socket, otherwise the reason why there is none. */
export type Dial = (address: string, port: number, timeout: number) => Promise<Carrier | string>;
