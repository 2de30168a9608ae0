/** Opens the port or the unix socket of a server of this host, and says which names of loopback a request may give. */
import { lstatSync, rmSync } from 'node:fs';
import { connect, type AddressInfo, type ListenOptions, type Server } from 'node:net';
import { dirname } from 'node:path';
import { MillinerError } from '../errors/error.ts';
import { requireSafePath } from '../host/safe-place.ts';
import { isLoopbackHost } from './request.ts';

const maxPort = 65_535;

/** Returns the port: 0 is a free one. Throws PORT_UNUSABLE. */
export async function listenOnPort(server: Server, host: string, port: number): Promise<number> {
  if (port > maxPort) {
    throw new MillinerError('PORT_UNUSABLE', `${port} is no port`, { hint: 'Choose another port or path.' });
  }
  await listen(server, { host, port });
  return (server.address() as AddressInfo).port;
}

/** The socket is for its owner alone. Throws PORT_UNUSABLE, PLACE_UNSAFE. */
export async function listenOnSocket(server: Server, path: string): Promise<void> {
  await freeSocket(path);
  await listen(server, { path });
}

/**
 * Whether a Host names loopback, with any port: a forwarded port is another one. A page of a stranger can give its own
 * name the address of loopback (DNS rebinding), and the browser then sends that name.
 */
export function isLoopbackAuthority(host: string | undefined): boolean {
  const [, name] = /^(\[[^\]]*\]|[^:]*)(?::\d{1,5})?$/.exec(host ?? '') ?? [];
  return name !== undefined && isLoopbackHost(name);
}

/** Removes the socket of a server that died. Another file, or a socket that answers, stays. */
async function freeSocket(path: string): Promise<void> {
  requireSafePath(dirname(path));
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found?.isSocket() && !(await answers(path))) rmSync(path, { force: true });
}

function answers(path: string): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect(path);
    socket.once('connect', () => done(true)).once('error', () => done(false));
    socket.once('connect', () => socket.destroy());
  });
}

function listen(server: Server, options: ListenOptions): Promise<void> {
  return new Promise<void>((done, fail) => {
    server.once('listening', done).once('error', (cause: NodeJS.ErrnoException) => {
      const where = options.path ?? `${options.host}:${options.port}`;
      const message = `cannot listen on ${where}: ${cause.code}`;
      fail(new MillinerError('PORT_UNUSABLE', message, { cause, hint: 'Choose another port or path.' }));
    });
    // The mode of a socket decides who may connect. Node makes it before listen returns, with the umask of that moment.
    const before = process.umask(0o077);
    server.listen(options);
    process.umask(before);
  });
}
