/**
 * A network of a few instances: a bridge in a network namespace of its own, which nothing of the host is in. Each member
 * is joined by a pair of links whose other end lies in its namespace before its program starts. The
 * kernel holds a member to its bandwidth at both ends of the pair: every protocol, both directions.
 */
import { existsSync } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import { join } from 'node:path';
import {
  configure,
  holdSpace,
  makeSpace,
  makeSpaceDirectory,
  removeSpace,
  removeSpaces,
  type Space,
} from '../../lib/container/space.ts';
import type { IdRange } from '../../lib/container/userns.ts';
import { MillinerError } from '../../lib/errors/error.ts';
import {
  addressesOf,
  bridgeLines,
  fromMember,
  linkLines,
  machineLines,
  memberHosts,
  nameServerAddress,
  portLines,
  routeLines,
  removalLines,
  toMember,
} from './member-link.ts';
import { Egress, type Destination } from './egress.ts';
import { hardwareAddressOf, openTap } from './guest-link.ts';
import type { Membership } from './membership.ts';
import { NameServer } from './name-server.ts';
import { dialIn, InstanceNetwork } from './network.ts';

export interface JoinOptions {
  /** A host name of lower-case letters, digits and hyphens. */
  name: string;
  /** Further names that the others find it by; several members may share one. */
  aliases?: readonly string[];
  /** Bits per second in each direction. */
  bandwidth?: number | undefined;
  /** IDs of the member's user namespace; the container has to be started in the one that the space names. */
  ids?: IdRange | undefined;
}

interface Member {
  names: readonly string[];
  addresses: readonly string[];
  /** Whether it has been given its link. */
  isLinked: boolean;
}

export class PrivateNetwork {
  readonly #id: string;
  readonly #directory: string;
  readonly #bridge: Space;
  readonly #handle: FileHandle;
  readonly #withIpv6: boolean;
  readonly #members = new Map<number, Member>();
  #nameServer: NameServer | undefined;
  #egress: Egress | undefined;
  #lastHost = memberHosts.first - 1;
  readonly #linking: Promise<Space>[] = [];
  #closing: Promise<void> | undefined;

  private constructor(id: string, directory: string, bridge: Space, handle: FileHandle) {
    this.#id = id;
    this.#directory = directory;
    this.#bridge = bridge;
    this.#handle = handle;
    this.#withIpv6 = existsSync('/proc/sys/net/ipv6');
  }

  /**
   * @param id of a workspace, whose removal removes the network too
   * @param destinations what members may reach outside; without it there is no way out
   *
   * Throws HOST_MISSING; then nothing is left.
   */
  static async create(id: string, destinations?: readonly Destination[]): Promise<PrivateNetwork> {
    const directory = await makeSpaceDirectory(id);
    try {
      const bridge = await makeSpace(directory, 'bridge', undefined);
      const network = new PrivateNetwork(id, directory, bridge, await open(bridge.network, 'r'));
      await network.#start(destinations).catch(async (error: unknown) => {
        await network.close();
        throw error;
      });
      return network;
    } catch (error) {
      await removeSpaces(id);
      throw error;
    }
  }

  async #start(destinations: readonly Destination[] | undefined): Promise<void> {
    await configure(this.#bridge, 'ip', bridgeLines(this.#withIpv6));
    if (destinations) this.#egress = await Egress.open(this.#bridge, destinations);
    this.#nameServer = await NameServer.start(this.#handle, nameServerAddress, (name) => this.#lookUp(name));
  }

  async #lookUp(name: string): Promise<readonly string[] | undefined> {
    const found = [...this.#members.values()].filter(({ names }) => names.includes(name));
    return found.length === 0 ? this.#egress?.resolve(name) : found.flatMap(({ addresses }) => addresses);
  }

  /** Gives it names and addresses; its link comes when it starts. Throws LIMIT_EXCEEDED. */
  join({ name, aliases = [], bandwidth, ids }: JoinOptions): Membership {
    const host = this.#freeHost();
    const addresses = addressesOf(host, this.#withIpv6);
    this.#members.set(host, { names: [name, ...aliases], addresses, isLinked: false });
    const network = join(this.#directory, String(host));
    const hardware = hardwareAddressOf(host);
    const ways = addresses.map((address) => ({ space: this.#handle, dial: dialIn(this.#handle), address }));
    const linked = (space: Space, lines = this.#memberLines(host)) =>
      this.#link(host, space, { lines, bandwidth });
    let made: Promise<Space> | undefined;
    const makeOwn = async () => linked(await makeSpace(this.#directory, String(host), ids));
    return {
      name,
      space: { network },
      addresses,
      nameServer: nameServerAddress,
      gateway: this.#egress && nameServerAddress,
      hardware,
      openTap: async () => {
        const space = await makeSpace(this.#directory, String(host), undefined);
        return openTap(await linked(space, machineLines), { hardware, addresses });
      },
      ways,
      through: () => new InstanceNetwork({ checked: ways, published: ways }),
      makeSpace: () => {
        if (!made) this.#linking.push((made = makeOwn()));
        return made;
      },
      linkTo: async (pid) => {
        await linked(await holdSpace(this.#directory, String(host), pid));
      },
      remove: () => this.#remove(host),
    };
  }

  #memberLines(host: number): string[] {
    return [...linkLines(host, this.#withIpv6), ...(this.#egress ? routeLines : [])];
  }

  async #link(
    host: number,
    space: Space,
    { lines, bandwidth }: { lines: readonly string[]; bandwidth: number | undefined },
  ): Promise<Space> {
    await configure(this.#bridge, 'ip', portLines(host, space.network));
    this.#members.get(host)!.isLinked = true;
    await Promise.all([
      configure(space, 'ip', lines),
      ...(bandwidth === undefined
        ? []
        : [
            configure(this.#bridge, 'tc', toMember(host, bandwidth)),
            configure(space, 'tc', fromMember(bandwidth)),
          ]),
    ]);
    return space;
  }

  async #remove(host: number): Promise<void> {
    const member = this.#members.get(host);
    if (!this.#members.delete(host)) return;
    if (member?.isLinked) await configure(this.#bridge, 'ip', removalLines(host));
    await removeSpace(this.#directory, String(host));
  }

  /** One after the other, so that an address is not given again while another member may remember it. */
  #freeHost(): number {
    const { first, last } = memberHosts;
    const all = Array.from({ length: last - first + 1 }, (_, index) => first + index);
    const free = all.filter((host) => !this.#members.has(host));
    const found = free.find((host) => host > this.#lastHost) ?? free[0];
    if (found !== undefined) return (this.#lastHost = found);
    throw new MillinerError('LIMIT_EXCEEDED', `a private network has ${all.length} members at most`, {
      details: { limit: 'members' },
    });
  }

  /** Removes it with the links of its members, whether they have left or not. */
  close(): Promise<void> {
    return (this.#closing ??= this.#close());
  }

  async #close(): Promise<void> {
    await Promise.allSettled(this.#linking);
    await this.#nameServer?.close();
    await this.#egress?.close();
    await this.#handle.close();
    await removeSpaces(this.#id);
  }
}
