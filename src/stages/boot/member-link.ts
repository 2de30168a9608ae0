/** What ip(8) and tc(8) are told about a private network: the bridge, the link of a member, and its bandwidth. */

/** Those of hosts are elsewhere, as a rule; what a host has at these addresses cannot be reached with `egress`. */
const ipv4 = (host: number) => `10.213.74.${host}`;
const ipv6 = (host: number) => `fd6d:696c:6c69::${host.toString(16)}`;

/** Host numbers of a network: the first is the bridge's own, with the name server. */
const bridgeHost = 1;
export const memberHosts = { first: 2, last: 254 };

export const nameServerAddress = ipv4(bridgeHost);

/** @param withIpv6 whether the host has it */
export function addressesOf(host: number, withIpv6: boolean): string[] {
  return withIpv6 ? [ipv4(host), ipv6(host)] : [ipv4(host)];
}

export const bridge = 'bridge';
export const memberNetwork = '10.213.74.0/24';
/** The member's end of its link, and the bridge's. */
export const inside = 'eth0';
const portOf = (host: number) => `member${host}`;

/** Without one of its own it would take that of a port, and lose it when the member leaves. */
const hardwareAddress = '02:6d:69:6c:6c:01';

/** No spanning tree and no snooping: a port passes on all it gets, as soon as it is up. */
export function bridgeLines(withIpv6: boolean): string[] {
  return [
    'link set lo up',
    `link add name ${bridge} address ${hardwareAddress} type bridge stp_state 0 forward_delay 0 mcast_snooping 0`,
    ...addressLines(bridgeHost, bridge, withIpv6),
    `link set ${bridge} up`,
  ];
}

/** In the bridge's namespace; the other end comes into the one that `space` keeps. */
export function portLines(host: number, space: string): string[] {
  const port = portOf(host);
  return [
    `link add name ${port} type veth peer name ${inside} netns ${space}`,
    `link set ${port} master ${bridge} addrgenmode none`,
    `link set ${port} up`,
  ];
}

/** Also removes the other end. */
export const removalLines = (host: number): string[] => [`link delete ${portOf(host)}`];

/** In the member's namespace. */
export function linkLines(host: number, withIpv6: boolean): string[] {
  return ['link set lo up', ...addressLines(host, inside, withIpv6), `link set ${inside} up`];
}

/** In the member's namespace, if it is that of a machine: the machine has the addresses. */
export const machineLines = ['link set lo up'];

/** In the member's namespace: what is not on the bridge goes through it. */
export const routeLines = [`route add default via ${nameServerAddress}`];

function addressLines(host: number, device: string, withIpv6: boolean): string[] {
  const [v4, v6] = addressesOf(host, withIpv6);
  const lines = [`address add ${v4}/24 dev ${device}`];
  // All addresses here are given by Milliner, so there are no duplicates to wait for.
  return v6 === undefined ? lines : [...lines, `address add ${v6}/64 dev ${device} nodad`];
}

/** What the bridge sends to the member is what the member gets, and likewise at its own end. */
export const toMember = (host: number, bits: number): string[] => [rateLine(portOf(host), bits)];
export const fromMember = (bits: number): string[] => [rateLine(inside, bits)];

/** Seconds of the rate that may pass at once, and that may wait. */
const burst = 0.01;
const patience = 0.1;
/** Bytes: no less than a few packets. */
const minBurst = 8192;
const minQueue = 32_768;

/** tc-tbf(8): a token bucket, which cuts what is longer than its burst into packets. */
function rateLine(device: string, bits: number): string {
  const bytes = bits / 8;
  const bucket = Math.max(minBurst, Math.ceil(bytes * burst));
  const queue = Math.max(minQueue, Math.ceil(bytes * patience));
  return `qdisc add dev ${device} root tbf rate ${bits}bit burst ${bucket} limit ${bucket + queue}`;
}
