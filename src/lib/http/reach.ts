/**
 * Which addresses may be contacted when an untrusted text names the server: a redirect, a list of mirrors, a lock, a
 * stranger's recipe. Servers of the host's own network trust this host (169.254.169.254 hands out the machine's
 * credentials). So only public addresses are allowed, and those that the operator names. The check is made when the
 * connection is made, because a name may resolve to another address by then.
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { lookup as resolve, type LookupAddress, type LookupOptions } from 'node:dns';
import { BlockList, isIP, isIPv4, isIPv6 } from 'node:net';
import { MillinerError } from '../errors/error.ts';

/** The operator's list: addresses and networks (10.0.0.0/8, fd00::/8), separated by blanks or commas. */
export const variable = 'MILLINER_PRIVATE_NETWORKS';

/** IANA's special-purpose address registries, and multicast. */
const special4 =
  '0.0.0.0/8 10.0.0.0/8 100.64.0.0/10 127.0.0.0/8 169.254.0.0/16 172.16.0.0/12 192.0.0.0/24 192.0.2.0/24 192.88.99.0/24 192.168.0.0/16 198.18.0.0/15 198.51.100.0/24 203.0.113.0/24 224.0.0.0/3';
/** Exceptions in the global unicast space; addresses outside of that space are never public. */
const special6 = '2001::/23 2001:db8::/32 2002::/16 3fff::/20';
const global6 = '2000::/3';
/** An IPv4 address as DNS64 maps it (RFC 6052). */
const nat64 = /^64:ff9b::([0-9a-f]{1,4}):([0-9a-f]{1,4})$/;

const [reserved4, reserved6, unicast6] = [special4, special6, global6].map((text) => networks(text));

const confinement = new AsyncLocalStorage<true>();

/** Runs fn for an untrusted recipe: only public addresses are contacted, and recipes may ask for less. */
export function confined<T>(isUntrusted: boolean, fn: () => Promise<T>): Promise<T> {
  return isUntrusted ? confinement.run(true, fn) : fn();
}

/** As confined, for everything that the caller does from here on. */
export function confine(): void {
  confinement.enterWith(true);
}

/** Runs fn with the operator's rights again, for servers that the operator names. */
export function unconfined<T>(fn: () => Promise<T>): Promise<T> {
  return confinement.exit(fn);
}

export function isConfined(): boolean {
  return confinement.getStore() === true;
}

/** The error of a refused connection. */
export class AddressRefused extends Error {
  readonly code = 'ADDRESS_REFUSED';

  constructor(address: string) {
    super(`${address} is not a public address, and ${variable} does not name it`);
  }
}

/** Throws AddressRefused, and USAGE if the operator's list is invalid. `host` may be a name, which is not resolved. */
export function refusePrivate(host: string): void {
  const address = host.replace(/^\[(.*)\]$/, '$1');
  if (isIP(address) !== 0 && !mayReach(address)) throw new AddressRefused(address);
}

/** Of an address: whether it is public, or named by the operator. */
export function mayReach(address: string): boolean {
  return isPublic(address) || isConfiguredProxy(address);
}

/** dns.lookup for a connection; it fails if one of the addresses is refused. */
export function publicLookup(
  hostname: string,
  options: LookupOptions,
  done: (error: Error | null, address: string | LookupAddress[], family?: number) => void,
): void {
  resolve(hostname, { ...options, all: true }, (error, found) => {
    if (error) return done(error, []);
    try {
      for (const { address } of found) refusePrivate(address);
    } catch (refusal) {
      return done(refusal as Error, []);
    }
    const [first] = found;
    return options.all ? done(null, found) : done(null, first!.address, first!.family);
  });
}

export function isPublic(address: string): boolean {
  if (isIPv4(address)) return !reserved4!.check(address);
  const embedded = nat64.exec(canonical6(address));
  if (embedded) return isPublic(fromHex(embedded[1]!, embedded[2]!));
  return unicast6!.check(address, 'ipv6') && !reserved6!.check(address, 'ipv6');
}

function isConfiguredProxy(address: string): boolean {
  return networks(process.env[variable] ?? '').check(address, isIPv6(address) ? 'ipv6' : 'ipv4');
}

function networks(text: string): BlockList {
  const list = new BlockList();
  for (const network of text.split(/[\s,]+/).filter(Boolean)) {
    const [, address = '', prefix] = /^([^/]+)(?:\/(\d+))?$/.exec(network) ?? [];
    const family = isIPv6(address) ? 'ipv6' : 'ipv4';
    try {
      list.addSubnet(address, Number(prefix ?? (family === 'ipv6' ? 128 : 32)), family);
    } catch (cause) {
      throw new MillinerError('USAGE', `${variable}: ${network} is not an address or network`, { cause });
    }
  }
  return list;
}

/** The shortest form, without a zone. */
function canonical6(address: string): string {
  const bare = address.replace(/%.*$/, '');
  return URL.canParse(`http://[${bare}]/`) ? new URL(`http://[${bare}]/`).hostname.slice(1, -1) : bare;
}

function fromHex(high: string, low: string): string {
  const [a, b] = [Number.parseInt(high, 16), Number.parseInt(low, 16)];
  return [a >> 8, a & 255, b >> 8, b & 255].join('.');
}
