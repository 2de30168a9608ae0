/**
 * How another process reaches a machine: the one that supervises it serves a socket with the agent's own frames, and
 * passes on those that run programs.
 */
import { chmod } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import {
  makeRunDirectory,
  removeRunDirectory,
  runDirectoryOf,
} from '../../../lib/container/run-directory.ts';
import { pairs, FrameReader, maxPayload, type Frame } from './frames.ts';
import { Link } from './link.ts';

/** Types that another process may send to the agent: programs, their input, their signals. */
const served = new Set(['X', 'D', 'E', 'C', 'K', 'Q']);
const socketOf = (id: string) => join(runDirectoryOf(id), 'agent');

export interface ReachServer {
  close: () => Promise<void>;
}

/** @param env that programs get */
export async function serveReach(id: string, guest: Link, env: readonly string[]): Promise<ReachServer> {
  await makeRunDirectory(id, undefined);
  const clients = new Set<Socket>();
  const server = createServer((socket) => {
    clients.add(socket);
    socket.once('close', () => clients.delete(socket));
    relay(socket, guest, pairs(env.map((one) => ['env', one] as const)));
  });
  server.listen(socketOf(id));
  await once(server, 'listening');
  // The directory is root's alone already.
  await chmod(socketOf(id), 0o600);
  return {
    close: async () => {
      for (const socket of clients) socket.destroy();
      await new Promise((done) => server.close(done));
      await removeRunDirectory(id);
    },
  };
}

/** Each channel of the client is one of the guest's; how much may be on its way is between the two. */
function relay(socket: Socket, guest: Link, env: Buffer): void {
  const channels = new Map<number, number>();
  const link = new Link(
    socket,
    onFrame,
    new FrameReader((type, bytes) => served.has(type) && bytes <= maxPayload),
  );
  function onFrame({ type, channel, payload }: Frame): void {
    if (type === 'X') {
      const theirs = guest.open((frame) => link.send(frame.type, channel, frame.payload));
      channels.set(channel, theirs);
      guest.send('X', theirs, Buffer.concat([env, payload]));
    }
    const theirs = channels.get(channel);
    // Channel 0 is the first process, which may be signalled.
    if (theirs === undefined && !(channel === 0 && type === 'K')) return;
    if (type === 'Q') {
      guest.close(theirs!);
      channels.delete(channel);
    } else if (type !== 'X') guest.send(type, theirs ?? 0, payload);
  }
  void link.closed.then(() => {
    for (const theirs of channels.values()) guest.close(theirs);
  });
}

/** Undefined where no process serves it any more. */
export async function reachGuest(id: string): Promise<Link | undefined> {
  const socket = connect(socketOf(id));
  try {
    await once(socket, 'connect');
  } catch {
    return undefined;
  }
  return new Link(socket, () => undefined);
}
