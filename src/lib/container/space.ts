/**
 * Network namespaces that are there before what runs in them. Each is kept by a file below /run, so that nothing of it
 * is in the host's own network, and all of it is gone once the file is unmounted.
 */
import { rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { MillinerError } from '../errors/error.ts';
import { run } from '../host/exec.ts';
import { mount, unmount } from '../host/mounts.ts';
import { native } from '../host/native.ts';
import { makeRunDirectory, removeRunDirectory } from './run-directory.ts';
import { asSharedRoot, type IdRange } from './userns.ts';

/** Files that keep namespaces. */
export interface Space {
  network: string;
  /** The user namespace that the network namespace belongs to; absent if that is the host's. */
  user?: string;
}

const placeOf = (id: string): string => `${id}.net`;

/** A directory for the spaces of one network. */
export function makeSpaceDirectory(id: string): Promise<string> {
  return makeRunDirectory(placeOf(id), undefined);
}

/** Removes the spaces of a network with all that is in them; missing ones are no error. */
export function removeSpaces(id: string): Promise<void> {
  return removeRunDirectory(placeOf(id));
}

/** Also a missing one, or one that keeps nothing. */
export async function removeSpace(directory: string, name: string): Promise<void> {
  for (const file of filesOf(directory, name)) {
    await unmount(file, { detach: true });
    await rm(file, { force: true });
  }
}

/** Of the network namespace, and of its user namespace. */
function filesOf(directory: string, name: string): [string, string] {
  const network = join(directory, name);
  return [network, `${network}.user`];
}

/** @param ids of a new user namespace, whose root may use the network as root of a host does */
export async function makeSpace(directory: string, name: string, ids: IdRange | undefined): Promise<Space> {
  const [network, user] = filesOf(directory, name);
  await writeFile(network, '', { flag: 'wx' });
  if (ids) await writeFile(user, '', { flag: 'wx' });
  try {
    await native().makeSpace(network, user, ids?.start ?? 0, ids?.size ?? 0);
  } catch (error) {
    throw asSharedRoot(error, network);
  }
  return ids ? { network, user } : { network };
}

/** Keeps a network namespace that a process is in. Throws if that is the host's: then the process has ended. */
export async function holdSpace(directory: string, name: string, pid: number): Promise<Space> {
  const [network] = filesOf(directory, name);
  await writeFile(network, '', { flag: 'wx' });
  await mount({ type: 'bind', source: `/proc/${pid}/ns/net`, readonly: false }, network);
  const [kept, own] = await Promise.all([stat(network), stat('/proc/self/ns/net')]);
  if (kept.ino === own.ino) throw new Error(`process ${pid} is in the host's own network`);
  return { network };
}

/** Runs lines of ip(8) or tc(8) in a network namespace, as one batch. Throws HOST_MISSING. */
export async function configure(space: Space, program: 'ip' | 'tc', lines: readonly string[]): Promise<void> {
  await runIn(space, program, ['-batch', '-'], `${lines.join('\n')}\n`);
}

const hints = {
  ip: 'Install iproute2. The kernel needs veth and bridge.',
  tc: 'Install iproute2 (Fedora: iproute-tc). The kernel needs the queueing discipline tbf.',
  nft: 'Install nftables. The kernel needs nf_tables with conntrack, masquerade, reject, netdev and fwd.',
  sysctl: 'Install procps.',
};

/** Runs a program that configures a network namespace. Throws HOST_MISSING, for a program or a part of the kernel. */
export async function runIn(
  { network }: Space,
  program: keyof typeof hints,
  args: readonly string[],
  input = '',
): Promise<void> {
  const words = [`--net=${network}`, program, ...args];
  const { exitCode, stderr } = await run('nsenter', words, { input, allow: exits });
  if (exitCode === 0) return;
  const reason = exitCode === notFound ? `${program} is not installed` : stderr.trim();
  throw new MillinerError('HOST_MISSING', `this host cannot make a private network: ${reason}`, {
    hint: hints[program],
    details: { program },
  });
}

const notFound = 127;
/** They end with 1 at bad words and with 2 where the kernel refuses; nsenter's own are those of a shell. */
const exits = [0, 1, 2, 126, 255, notFound];
