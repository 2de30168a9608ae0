/** What milliner-enter (native/enter) is told: the parts of an instance's config.json that nspawn has no options for. */
import { writeFile } from 'node:fs/promises';
import { native } from '../../host/native.ts';
import type { OciConfig, OciMount } from '../oci-config.ts';
import { capabilityNumbers } from '../runtime-spec.ts';

/** Directory of a container in which what nspawn has bound lies until the image's own /run covers it. */
const boundInside = '/run/host/milliner';
export const enterInside = `${boundInside}/enter`;

/** Where milliner-enter puts the image's own /run, which nspawn covers, in the mount namespace of nspawn. */
const imageRun = '/run/systemd/image-run';

/** From <sys/mount.h>. */
const flagNumbers: Record<string, number> = {
  ro: 0x1,
  nosuid: 0x2,
  nodev: 0x4,
  noexec: 0x8,
  strictatime: 0x100_0000,
};
const bindOptions = ['bind', 'rbind', 'private', 'rprivate', 'rw', 'relatime'];

/** nspawn has its own: the same file systems, with options as strict. */
const ownMounts = ['/proc', '/dev', '/dev/pts', '/dev/mqueue', '/sys'];

/** A path of the host, and where nspawn binds it. */
export interface Bound {
  source: string;
  inside: string;
  readonly: boolean;
}

type Word = string | number;

export interface Order {
  records: [name: string, ...words: Word[]][];
  binds: Bound[];
}

export interface Groups {
  /** Paths of cgroup.procs. */
  nspawn: string;
  instance: readonly string[];
}

/** Throws an error for what it cannot do. isGated: whether the program waits for a word on standard input. */
export function orderOf(
  config: OciConfig,
  { owner, groups, isGated }: { owner: number; groups: Groups; isGated: boolean },
): Order {
  const { process: program, linux, root } = config;
  const bound: Bound[] = [];
  const hasInit = linux.namespaces.some(({ type }) => type === 'cgroup');
  const run: OciMount = { type: 'bind', source: imageRun, destination: '/run', options: ['bind'] };
  const mounts = [run, ...config.mounts.filter(({ destination }) => !ownMounts.includes(destination))];
  const files = program.rlimits.find(({ type }) => type === 'RLIMIT_NOFILE')!;
  const records: Order['records'] = [
    ['owner', owner],
    ['gate', isGated ? 1 : 0],
    ['root', root.path],
    ['group-of-nspawn', groups.nspawn],
    ...groups.instance.map((path): [string, string] => ['group-of-instance', path]),
    ['cgroup-namespace', hasInit ? 1 : 0],
    ...mounts.map((mount) => mountRecord(mount, bound)),
    ...[...linux.maskedPaths, ...(hasInit ? [] : ['/sys/fs/cgroup'])].map((path): [string, string] => [
      'mask',
      path,
    ]),
    ...linux.readonlyPaths.map((path): [string, string] => ['readonly', path]),
    ['directory', program.cwd],
    ['uid', program.user.uid],
    ['gid', program.user.gid],
    ...program.user.additionalGids.map((gid): [string, number] => ['group', gid]),
    ['bounding', maskOf(program.capabilities.bounding)],
    ['open-files', files.soft, files.hard],
    ['oom-score', program.oomScoreAdj],
    ...program.args.map((word): [string, string] => ['arg', word]),
    ...program.env.map((word): [string, string] => ['env', word]),
  ];
  return { records, binds: bound };
}

function mountRecord({ type, source, destination, options }: OciMount, bound: Bound[]): [string, ...Word[]] {
  const flags = options.reduce((all, option) => all | (flagNumbers[option] ?? 0), 0);
  const data = options
    .filter((option) => !(option in flagNumbers) && !bindOptions.includes(option))
    .join(',');
  if (type === 'cgroup') return ['mount', 'cgroup2', 'cgroup', destination, flags, ''];
  if (type !== 'bind') return ['mount', type, source, destination, flags, data];
  const inside = `${boundInside}/${bound.length}`;
  bound.push({ source, inside, readonly: options.includes('ro') });
  return ['mount', 'bind', inside, destination, flags, ''];
}

function maskOf(capabilities: readonly string[]): string {
  return String(capabilities.reduce((mask, name) => mask | (1n << capabilityNumbers[name]!), 0n));
}

export async function writeOrder(path: string, { records }: Order): Promise<void> {
  const words = records.flatMap(([name, ...rest]) => [name, rest.length, ...rest]);
  await writeFile(path, words.map((word) => `${word}\0`).join(''), { mode: 0o600 });
}

/** The filters are few, and each takes some milliseconds. */
const compiled = new Map<string, Promise<Buffer>>();

export async function writeFilter(path: string, filter: object): Promise<void> {
  const key = JSON.stringify(filter);
  const instructions = compiled.get(key) ?? native().compileFilter(filter);
  compiled.set(key, instructions);
  await writeFile(path, await instructions, { mode: 0o600 });
}
