/** What the agent is told to start: the configuration that a container of an OCI runtime would have. */
import { capabilityNumbers } from '../../../lib/container/runtime-spec.ts';
import { instanceConfig, type InstanceConfig } from '../config.ts';
import type { InstanceOptions } from '../instance.ts';
import { pairs } from './frames.ts';
import type { HandedSettings } from './guest-handed.ts';

/** The part of config.json that a machine has a use for. */
interface Config {
  process: {
    cwd: string;
    args: string[];
    env: string[];
    user: { uid: number; gid: number; additionalGids: number[] };
    capabilities: { bounding: string[]; effective: string[] };
    rlimits: { soft: number; hard: number }[];
  };
  mounts: { type: string; source: string; destination: string; options: string[] }[];
  linux: {
    maskedPaths: string[];
    readonlyPaths: string[];
    resources: { cpu?: { quota?: number; period?: number } };
  };
}

/** The agent's directory for files of the host; what is bound is named from its own root. */
const files = 'files';
/** The machine's kernel has version 2 alone, which the agent delegates. */
const cgroup = {
  type: 'cgroup2',
  source: 'cgroup',
  destination: '/sys/fs/cgroup',
  options: ['rw', 'nosuid', 'nodev', 'noexec', 'relatime'],
};

export interface GuestSettings {
  payload: Buffer;
  /** Of the first process, and of all that are started beside it. */
  env: string[];
}

type Options = Omit<InstanceConfig, 'files' | 'cgroup' | 'ids' | 'space'> &
  Pick<InstanceOptions, 'membership'> & { contents: Record<string, string>; handed: HandedSettings };

export async function guestSettings({ contents, handed, ...options }: Options): Promise<GuestSettings> {
  const whole = { ...options, files, ...(options.init && { cgroup }) };
  const { process, mounts, linux } = (await instanceConfig(whole)) as Config;
  const { limits, hostname } = options;
  const { cpu } = linux.resources;
  const rows: [string, string | number][] = [
    ['hostname', hostname],
    ['cwd', process.cwd],
    ['memory', limits.memory],
    ['pids', limits.pids],
    ['time', Math.floor(Date.now() / 1000)],
    ['uid', process.user.uid],
    ['gid', process.user.gid],
    ['bounding', bitsOf(process.capabilities.bounding)],
    ['effective', bitsOf(process.capabilities.effective)],
  ];
  const add = (key: string, values: readonly (string | number)[]) => {
    for (const value of values) rows.push([key, value]);
  };
  if (limits.swap !== undefined && limits.swap > 0) add('swap', [limits.swap]);
  if (cpu?.quota !== undefined) add('cpu', [`${cpu.quota} ${cpu.period}`]);
  add(
    'soft files',
    process.rlimits.map(({ soft }) => soft),
  );
  add(
    'hard files',
    process.rlimits.map(({ hard }) => hard),
  );
  const [v4, v6] = options.membership?.addresses ?? [];
  add('ipv4', ofAny(v4));
  add('ipv6', ofAny(v6));
  add('gateway', ofAny(options.membership?.gateway));
  add('group', process.user.additionalGids);
  add('arg', process.args);
  add('env', process.env);
  add('masked', linux.maskedPaths);
  add('readonly', linux.readonlyPaths);
  add(
    'file',
    Object.entries(contents).map(([name, text]) => `${name}\n${text}`),
  );
  add('handed', handed.handed);
  add('volume', handed.volumes);
  add('mount', [...mounts, ...handed.mounts].map(mountLine));
  return { payload: pairs(rows), env: process.env };
}

const ofAny = (value: string | undefined) => (value === undefined ? [] : [value]);

function bitsOf(names: readonly string[]): string {
  return names.reduce((bits, name) => bits | (1n << capabilityNumbers[name]!), 0n).toString();
}

/** From <sys/mount.h>. */
const flagNumbers: Record<string, number> = {
  ro: 0x1,
  nosuid: 0x2,
  nodev: 0x4,
  noexec: 0x8,
  relatime: 0x20_0000,
  strictatime: 0x100_0000,
};
/** Words that mean no flag, and nothing to the file system. */
const noFlags = new Set(['rw', 'bind', 'rbind', 'rprivate']);

/** Type, source, target, flags and the file system's own options, as the agent has them. */
function mountLine({ type, source, destination, options }: Config['mounts'][number]): string {
  const flags = options.reduce((all, word) => all | (flagNumbers[word] ?? 0), 0);
  const data = options.filter((word) => flagNumbers[word] === undefined && !noFlags.has(word)).join(',');
  return [type, source, destination, flags, data].join('\n');
}
