/** An instance's place in a private network, and the ways to it. */
import type { FileHandle } from 'node:fs/promises';
import type { Space } from '../../lib/container/space.ts';
import type { Dial, NetworkAccess } from './network-access.ts';
import type { Throttle } from './throttle.ts';

/** An address of an instance, and how it is reached. */
export interface Way {
  address: string;
  dial: Dial;
  /** The network namespace that the address is seen from; absent for a loopback address. */
  space?: FileHandle;
  /** For a way that the kernel does not hold to the bandwidth. */
  throttle?: Throttle | undefined;
}

export interface Membership {
  /** The host name that the other members know it by, besides its aliases. */
  readonly name: string;
  /** Its namespaces, once it is linked. */
  readonly space: Space;
  /** IPv4, and IPv6 where the host has it. */
  readonly addresses: readonly string[];
  readonly nameServer: string;
  /** The way out, where there is one. */
  readonly gateway: string | undefined;
  /** What a machine's card has to be called, which may send with no other name. */
  readonly hardware: string;
  /** For a machine, once: the descriptor of its end. The caller closes it. Throws HOST_MISSING. */
  openTap(): Promise<number>;
  /** From the bridge. */
  readonly ways: readonly Way[];
  /** As its neighbours reach it, from which its own loopback is out of reach. */
  through(): NetworkAccess;
  /** Makes its namespaces with its link in there, once, for a container that is started in them. Throws HOST_MISSING. */
  makeSpace(): Promise<Space>;
  /** Gives the link to a container that makes its namespaces itself, by a process in them. Throws HOST_MISSING. */
  readonly linkTo: (pid: number) => Promise<void>;
  /** Takes it out of the network, with its addresses and names. */
  remove(): Promise<void>;
}

/** Of an instance that is booted alone. */
export interface OwnNetwork {
  network: { close(): Promise<void> } | undefined;
  /** Of the network it was given, or of its own; absent where it has its loopback alone. */
  membership: Membership | undefined;
}
