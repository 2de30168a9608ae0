/** The network of an instance that is booted alone, where it needs one, and the files of /etc that tell of it. */
import type { InstanceOptions } from './instance.ts';
import type { Membership, OwnNetwork } from './membership.ts';
import { PrivateNetwork } from './private-network.ts';

export type NetworkOptions = Pick<
  InstanceOptions,
  'id' | 'hostname' | 'ids' | 'limits' | 'membership' | 'wanted' | 'isPublished' | 'ownNetwork'
>;

/** What was begun before, or a new one. Throws HOST_MISSING; then nothing is left. */
export async function joinOwnNetwork(options: NetworkOptions): Promise<OwnNetwork> {
  if (options.ownNetwork) return options.ownNetwork;
  if (!needsLink(options)) return { network: undefined, membership: options.membership };
  const { id, hostname, limits, ids, wanted } = options;
  const network = await PrivateNetwork.create(id, wanted?.egress);
  try {
    const { bandwidth } = limits;
    return { network, membership: network.join({ name: hostname, bandwidth, ids }) };
  } catch (error) {
    await network.close();
    throw error;
  }
}

/** A link is what the kernel holds to a bandwidth, and what is published goes over it. */
function needsLink({ membership, limits, wanted, isPublished = false }: NetworkOptions): boolean {
  const { network = 'none' } = wanted ?? {};
  return !membership && (network !== 'none' || limits.bandwidth !== undefined || isPublished);
}

/** By their names in /etc. */
export function networkFiles(hostname: string, membership: Membership | undefined): Record<string, string> {
  return {
    hosts: hostsOf(hostname, membership),
    hostname: `${hostname}\n`,
    // Alone, it has no name server.
    'resolv.conf': membership ? `nameserver ${membership.nameServer}\n` : '',
  };
}

function hostsOf(hostname: string, membership: Membership | undefined): string {
  if (!membership) return `127.0.0.1 localhost ${hostname}\n::1 localhost ip6-localhost ${hostname}\n`;
  const { addresses, name } = membership;
  const names = name === hostname ? name : `${hostname} ${name}`;
  const own = addresses.map((address) => `${address} ${names}\n`);
  return `127.0.0.1 localhost\n::1 localhost ip6-localhost\n${own.join('')}`;
}
