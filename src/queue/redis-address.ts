/** Parses MILLINER_REDIS: a Redis by TCP, TLS or a unix socket, or the sentinels that know the primary. */
import { isIP } from 'node:net';
import { MillinerError } from '../lib/errors/error.ts';
import { isLoopbackHost } from '../lib/http/request.ts';
import { knownAuthorities } from '../lib/http/tls.ts';

export const redisVariable = 'MILLINER_REDIS';
export const plainVariable = 'MILLINER_REDIS_PLAIN';
const sentinelPort = 26_379;

/** Connection options for ioredis. Throws USAGE without the text, which may hold a password. */
export function redisOptions(text: string) {
  const sentinels = /^(rediss?)\+sentinel:\/\/(?:([^@/]*)@)?([^@/]+)\/([\w.-]+)(?:\/(\d+))?$/.exec(text);
  if (sentinels) return sentinelsOf(sentinels);
  if (!URL.canParse(text)) throw invalidUrl();
  const url = new URL(text);
  const user = userOf(url);
  if (url.protocol === 'unix:') return { ...user, path: decodeURIComponent(url.pathname) };
  if (url.protocol !== 'redis:' && url.protocol !== 'rediss:') throw invalidUrl();
  const db = url.pathname.replace(/^\//, '');
  if (url.hostname === '' || !/^\d*$/.test(db)) throw invalidUrl();
  const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
  if (url.protocol === 'redis:') refusePlain([url.hostname]);
  return {
    ...user,
    host,
    port: Number(url.port || 6379),
    db: Number(db),
    // The name that the certificate must have. TLS sends no server name for an IP address.
    ...(url.protocol === 'rediss:' && { tls: { ...tls(), ...(isIP(host) === 0 && { servername: host }) } }),
  };
}

/** `redis+sentinel://[USER:PASSWORD@]HOST[:PORT],HOST[:PORT]/NAME[/DB]`; user and password are those of the Redis. */
function sentinelsOf([, scheme, user = '', hosts = '', name = '', db = '0']: RegExpExecArray) {
  const places = hosts.split(',').map((one) => {
    if (!URL.canParse(`redis://${one}`)) throw invalidUrl();
    const { hostname, port } = new URL(`redis://${one}`);
    return { host: hostname.replace(/^\[(.*)\]$/, '$1'), port: Number(port || sentinelPort) };
  });
  if (scheme === 'redis') refusePlain(places.map(({ host }) => host));
  const login = user === '' ? {} : userOf(new URL(`redis://${user}@localhost`));
  const secure = scheme === 'rediss' && { tls: tls(), sentinelTLS: tls(), enableTLSForSentinelMode: true };
  return { ...login, sentinels: places, name, db: Number(db), ...secure };
}

/** Without TLS an attacker on the network can read the password and change what is sent. Throws QUEUE_UNSAFE. */
function refusePlain(hosts: readonly string[]): void {
  const outside = hosts.find((host) => !isLoopbackHost(host));
  if (outside === undefined || process.env[plainVariable] === 'yes') return;
  throw new MillinerError('QUEUE_UNSAFE', `the connection to the queue's Redis on ${outside} has no TLS`, {
    hint: `Enable TLS in that Redis, and write rediss:// in ${redisVariable}. On a network of your own, set ${plainVariable}=yes.`,
  });
}

const tls = () => ({ ca: knownAuthorities() });

function userOf({ username, password }: URL) {
  return {
    ...(username !== '' && { username: decodeURIComponent(username) }),
    ...(password !== '' && { password: decodeURIComponent(password) }),
  };
}

function invalidUrl(): MillinerError {
  return new MillinerError('USAGE', `${redisVariable} is not the URL of a Redis`, {
    hint: 'Write it as redis://[USER:PASSWORD@]HOST[:PORT][/DB], rediss:// for TLS, unix:///PATH, or redis+sentinel://HOST,HOST/NAME.',
  });
}
