/**
 * The way out of a private network: slirp4netns as a router at the end of a tap device in the bridge's namespace, and a
 * filter before it that lets through what the recipe names and nothing else. Neither lies where a member can change it.
 */
import { closeSync } from 'node:fs';
import { lookup } from 'node:dns/promises';
import { once } from 'node:events';
import { isIPv4, Socket } from 'node:net';
import { MillinerError } from '../../lib/errors/error.ts';
import { endGroup, start } from '../../lib/host/exec.ts';
import { native } from '../../lib/host/native.ts';
import { mayReach } from '../../lib/http/reach.ts';
import { runIn, type Space } from '../../lib/container/space.ts';
import { bridge, memberNetwork } from './member-link.ts';

export interface Destination {
  /** A name, or an IPv4 address. */
  host: string;
  port: number;
}

const tap = 'tap0';
/** Seconds that an address of a name is allowed after it was last given out; longer than a client remembers it. */
const allowedSeconds = 3600;
/** Of one name. */
const maxAddresses = 32;

export class Egress {
  readonly #space: Space;
  readonly #destinations: readonly Destination[];
  readonly #router: ReturnType<typeof start>;

  private constructor(space: Space, destinations: readonly Destination[], router: ReturnType<typeof start>) {
    this.#space = space;
    this.#destinations = destinations;
    this.#router = router;
  }

  /** Throws HOST_MISSING. */
  static async open(space: Space, destinations: readonly Destination[]): Promise<Egress> {
    await runIn(space, 'nft', ['-f', '-'], rules());
    const router = await startRouter(space);
    const egress = new Egress(space, destinations, router.child);
    try {
      await runIn(space, 'sysctl', ['-q', '-w', 'net.ipv4.ip_forward=1']);
      const literal = destinations.filter(({ host }) => isIPv4(host));
      for (const { host } of literal) await egress.#allow(host, [host], 'timeout 0s');
      return egress;
    } catch (error) {
      await egress.close();
      throw error;
    }
  }

  /**
   * The addresses of an allowed name, which can be reached from now on; undefined for any other name. Who controls the
   * name's DNS must not choose servers of the host's own network, so only addresses that an untrusted text may name count.
   */
  async resolve(name: string): Promise<readonly string[] | undefined> {
    if (!this.#destinations.some(({ host }) => host === name)) return undefined;
    const found = await lookup(name, { all: true, family: 4 }).catch(() => []);
    const addresses = found
      .map(({ address }) => address)
      .filter(mayReach)
      .slice(0, maxAddresses);
    await this.#allow(name, addresses);
    return addresses;
  }

  async #allow(name: string, addresses: readonly string[], lasting = ''): Promise<void> {
    const ports = this.#destinations.filter(({ host }) => host === name).map(({ port }) => port);
    const elements = addresses.flatMap((address) => ports.map((port) => `${address} . ${port}`));
    if (elements.length === 0) return;
    // An element that is there keeps its time unless it is made anew.
    const lines = elements.flatMap((one) => [
      `add element ${table} allowed { ${one} }`,
      `delete element ${table} allowed { ${one} }`,
      `add element ${table} allowed { ${one} ${lasting} }`,
    ]);
    await runIn(this.#space, 'nft', ['-f', '-'], `${lines.join('\n')}\n`);
  }

  async close(): Promise<void> {
    endGroup(this.#router.nodeChildProcess);
    await this.#router;
  }
}

const table = 'inet egress';

/** Neighbours on the bridge may pass through the same hooks, where the kernel filters bridges. */
function rules(): string {
  return `table ${table} {
  set allowed { type ipv4_addr . inet_service; flags timeout; timeout ${allowedSeconds}s; }
  chain forward {
    type filter hook forward priority filter; policy drop;
    iifname "${bridge}" oifname "${bridge}" accept
    ct state established,related accept
    iifname "${bridge}" oifname "${tap}" meta l4proto { tcp, udp } ip daddr . th dport @allowed accept
    reject with icmpx type admin-prohibited
  }
  chain input {
    type filter hook input priority filter; policy accept;
    iifname "${tap}" ct state new drop
  }
  chain translate {
    type nat hook postrouting priority srcnat;
    oifname "${tap}" ip saddr ${memberNetwork} masquerade
  }
}
`;
}

/** It dies with this process. Its sandbox unmounts namespaces of the host, but not in the host; what the host unmounts goes. */
async function startRouter(space: Space) {
  const [ready, isReady] = native().pipe();
  const options =
    '--netns-type=path --configure --mtu=1500 --disable-host-loopback --disable-dns --enable-sandbox --enable-seccomp --ready-fd=3';
  const around = '--pdeathsig KILL unshare --mount --propagation slave slirp4netns';
  const words = [...around.split(' '), ...options.split(' '), space.network, tap];
  const child = start('setpriv', words, { handed: isReady, inGroup: true, killAfter: false });
  const socket = new Socket({ fd: ready, readable: true, writable: false });
  closeSync(isReady);
  const [word] = (await Promise.race([once(socket, 'data'), once(socket, 'end')])) as [Buffer?];
  socket.destroy();
  // In an object, because the child is also a promise.
  if (word) return { child };
  const { stderr, exitCode } = await child;
  const reason = exitCode === 127 ? 'slirp4netns is not installed' : stderr.trim().slice(-500);
  throw new MillinerError('HOST_MISSING', `this host cannot give an instance a way out: ${reason}`, {
    hint: 'Install slirp4netns and nftables, or take network: egress out of the recipe.',
    details: { program: 'slirp4netns' },
  });
}
