/**
 * The link of a virtual machine: a tap device in the namespace of a member, beside the end of its pair of links. What
 * the machine sends there reaches the network only with the addresses that it was given; what is for it is passed on.
 */
import { closeSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { configure, runIn, type Space } from '../../lib/container/space.ts';
import { native } from '../../lib/host/native.ts';
import { addressBytes } from './address-bytes.ts';
import { inside } from './member-link.ts';

const tap = 'tap0';

/** Locally administered; the last part is the host number. */
export const hardwareAddressOf = (host: number): string =>
  `02:6d:69:6c:6d:${host.toString(16).padStart(2, '0')}`;

/** What a machine is known by on its network. */
export interface GuestAddresses {
  hardware: string;
  /** IPv4, and IPv6 where the host has it. */
  addresses: readonly string[];
}

/** An open descriptor of the device, which lives as long as that. Throws HOST_MISSING. */
export async function openTap(space: Space, known: GuestAddresses): Promise<number> {
  const handle = await open(space.network, 'r');
  const fd = await native()
    .openTap(handle.fd, tap)
    .finally(() => handle.close());
  try {
    // Neither has an address, so that nothing but the rules takes what arrives.
    const lines = [tap, inside].map((device) => `link set ${device} addrgenmode none`);
    await configure(space, 'ip', [...lines, `link set ${inside} up`, `link set ${tap} up`]);
    await runIn(space, 'nft', ['-f', '-'], rules(known));
    return fd;
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/**
 * Frames of other kinds, or in another name, are dropped; so are announcements of routers and redirects. A bridge sends
 * what it cannot place to all: a machine gets no frame that is for another one.
 */
function rules({ hardware, addresses: [v4, v6] }: GuestAddresses): string {
  const onward = `fwd to "${inside}"`;
  const own6 =
    v6 === undefined
      ? ''
      : `ether type ip6 ip6 saddr ${v6} icmpv6 type { nd-router-advert, nd-redirect } drop
    ether type ip6 ip6 saddr ${v6} icmpv6 type nd-neighbor-advert @th,64,128 != 0x${addressBytes(v6).toString('hex')} drop
    ether type ip6 ip6 saddr ${v6} ${onward}`;
  return `table netdev guest {
  chain sent {
    type filter hook ingress device "${tap}" priority 0; policy drop;
    ether saddr != ${hardware} drop
    ether type arp arp saddr ether ${hardware} arp saddr ip ${v4} ${onward}
    ether type ip ip saddr ${v4} ${onward}
    ${own6}
  }
  chain received {
    type filter hook ingress device "${inside}" priority 0; policy drop;
    ether daddr ${hardware} fwd to "${tap}"
    ether daddr & 01:00:00:00:00:00 != 00:00:00:00:00:00 fwd to "${tap}"
  }
}
`;
}
