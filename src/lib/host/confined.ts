/**
 * Runs programs that read untrusted bytes, because such bytes could take a program over. Each runs in a bubblewrap
 * container without network, without capabilities and without access to Milliner's processes. It can read the host's
 * programs and the paths that it is given. It can write to its output and to at most one directory.
 */
import { existsSync, lstatSync, readlinkSync } from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import type { Readable, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { MillinerError } from '../errors/error.ts';
import { isConfined } from './confinement.ts';
import {
  commandFailed,
  start,
  startPiped,
  startStreaming,
  startWithChannels,
  type EndedCommand,
  type RunOptions,
  type RunResult,
} from './exec.ts';
import { searchPath } from './program-environment.ts';

/** Absolute paths, which are the same inside. */
export interface Reach {
  reads?: readonly string[];
  writes?: string;
  /** Files that it may write to as they are. */
  files?: readonly string[];
  /** Device nodes of the host. */
  devices?: readonly string[];
  /** That it keeps, for what it makes in the directory that it may write; none where it need not own files of others. */
  capabilities?: readonly Capability[];
}

/** Of root, in a tree that it fills: any owner, mode, attribute and node, none of which it can open as a device. */
export const treeCapabilities = ['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'FSETID', 'MKNOD', 'SETFCAP'] as const;
type Capability = (typeof treeCapabilities)[number];

const bubblewrap = 'bwrap';
/** What of the host's configuration changes how signatures are judged. */
const settings = ['/etc/ld.so.cache', '/etc/rpm', '/etc/crypto-policies'];

/** As run; throws HOST_MISSING too where the program cannot be confined here. */
export async function runConfined(
  program: string,
  args: readonly string[],
  reach: Reach,
  options: RunOptions = {},
): Promise<RunResult> {
  const confined = [...confinement(program, reach), ...args];
  const result = await start(bubblewrap, confined, { ...options, inGroup: true });
  const { exitCode, stdout, stderr } = result;
  // bubblewrap's own failures are no answer of the program's.
  const failure = exitCode === 0 ? undefined : failureIn(stderr);
  if (failure !== undefined) throw cannotConfine(failure);
  if (exitCode !== undefined && (options.allow ?? [0]).includes(exitCode))
    return { exitCode, stdout, stderr };
  throw commandFailed(result.code === 'ENOENT' ? bubblewrap : program, args, result);
}

/** As startStreaming, in a group; what is read no further is ended with endGroup. */
export function startConfined(
  program: string,
  args: readonly string[],
  reach: Reach,
  options: RunOptions = {},
) {
  const inGroup = { ...options, inGroup: true };
  if (isConfined()) return startStreaming(program, args, inGroup);
  return startStreaming(bubblewrap, [...confinement(program, reach), ...args], inGroup);
}

/** Of this checkout or installation all that a module of ours needs: what is compiled, and the addon. */
const root = resolve(import.meta.dirname, '../../..');
const ownFiles = [
  resolve(import.meta.dirname, '../..'),
  join(root, 'native/build'),
  join(root, 'package.json'),
];
/** Where npm has laid what we need: below us, and beside us. */
const packages = [
  join(root, 'node_modules'),
  ...(basename(dirname(root)) === 'node_modules' ? [dirname(root)] : []),
];

/** A module of ours: gives what it writes, and what it is given stands on its stdin. */
export async function runModuleConfined(module: string, reach: Reach, input: string): Promise<string> {
  const { stdout } = await runConfined(process.execPath, [module], withOwnFiles(reach), { input });
  return stdout;
}

/** The same, as startConfined: what it writes is bytes, or much. */
export function startModuleConfined(module: string, reach: Reach, input: string) {
  return startConfined(process.execPath, [module], withOwnFiles(reach), { input });
}

/** The same for one that goes on: its stdin and stdout are the caller's. */
export function startWorkerConfined(module: string, reach: Reach, flags: readonly string[]) {
  const { reads = [] } = reach;
  const wide = withOwnFiles({ ...reach, reads: [...packages, ...reads] });
  return startPiped(bubblewrap, [...confinement(process.execPath, wide), ...flags, module]);
}

/** Of the first descriptor of ours that a held program is handed. */
export const handedDescriptor = 6;

/**
 * A program that waits, confined, until it is let go; its descriptor 3 is one end of stdio[3].
 * @param handed open descriptors of this process, which it gets too
 */
export function startHeldConfined(
  program: string,
  args: readonly string[],
  reach: Reach,
  handed: readonly number[] = [],
): HeldChild {
  const [informed, go] = [4, 5];
  const held = ['--info-fd', String(informed), '--block-fd', String(go)];
  const child = startWithChannels(bubblewrap, [...confinement(program, reach, held), ...args], 3, handed);
  // A program that ends early breaks them; its end says so.
  for (const channel of child.stdio.slice(3)) channel?.on('error', () => undefined);
  const said = child.stdio[informed] as Readable;
  return Object.assign(child, {
    innerPid: text(said).then((words) => {
      const found = /"child-pid":\s*(\d+)/.exec(words)?.[1];
      return found === undefined ? undefined : Number(found);
    }),
    letGo: () => (child.stdio[go] as Writable).end('go'),
  });
}

export type HeldChild = ReturnType<typeof startWithChannels> & {
  /** Its number on the host, once it waits; undefined where it could not be confined. */
  innerPid: Promise<number | undefined>;
  letGo: () => void;
};

function withOwnFiles(reach: Reach): Reach {
  return { ...reach, reads: [...ownFiles, process.execPath, ...(reach.reads ?? [])] };
}

/** Why a program that startConfined has started failed, where that was not its own failure. */
export function confinementFailed({ stderr }: EndedCommand): MillinerError | undefined {
  const failure = failureIn(stderr ?? '');
  return failure === undefined ? undefined : cannotConfine(failure);
}

function confinement(
  program: string,
  { reads = [], writes, files = [], devices = [], capabilities = [] }: Reach,
  held: readonly string[] = [],
): string[] {
  if (!searchPath.some((directory) => existsSync(resolve(directory, program))))
    throw new MillinerError('HOST_MISSING', `${program} is not installed`, { details: { program } });
  const addedCapabilities = capabilities.flatMap((name) => ['--cap-add', `CAP_${name}`]);
  const own = [
    ...namespaceOptions(),
    '--cap-drop',
    'ALL',
    ...addedCapabilities,
    '--die-with-parent',
    // No session of its own: it is in the group that is ended, until it knows that it dies with its parent.
    '--chdir',
    '/',
  ];
  const host = ['--ro-bind', '/usr', '/usr', ...['bin', 'sbin', 'lib', 'lib64'].flatMap(asOnHost)];
  const configuration = settings.flatMap((path) => ['--ro-bind-try', path, path]);
  const empty = ['--dev', '/dev', '--dir', '/tmp', '--dir', '/var/tmp'];
  // Of what is not there the program has its own words.
  const given = reads.flatMap((path) => ['--ro-bind-try', path, path]);
  const kept = files.flatMap((path) => ['--bind', path, path]);
  const result = writes === undefined ? [] : ['--bind', writes, writes];
  const nodes = devices.flatMap((path) => ['--dev-bind', path, path]);
  const mounted = [...host, ...configuration, ...empty, ...nodes, ...given, ...result, ...kept];
  return [...own, ...mounted, ...held, '--', program];
}

/** Root needs no user namespace, which not every kernel has; others get the rest by one. */
function namespaceOptions(): string[] {
  const others = ['ipc', 'pid', 'net', 'uts', 'cgroup-try'];
  const all = process.getuid?.() === 0 ? others : ['user', ...others];
  return all.map((one) => `--unshare-${one}`);
}

/** A link into /usr, or a directory of its own. */
function asOnHost(name: string): string[] {
  const path = `/${name}`;
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found) return [];
  return found.isSymbolicLink() ? ['--symlink', readlinkSync(path), path] : ['--ro-bind', path, path];
}

function failureIn(words: string): string | undefined {
  return /^bwrap: (.*)/.exec(words)?.[1];
}

function cannotConfine(reason: string): MillinerError {
  return new MillinerError('HOST_MISSING', `Milliner cannot confine programs on this host: ${reason}`, {
    hint: 'Milliner reads packages and keys in containers of bubblewrap. Allow it namespaces: CAP_SYS_ADMIN, or unprivileged user namespaces.',
    details: { program: bubblewrap },
  });
}
