/**
 * Control groups made before their container, with limits: what an OCI runtime does by itself (kernel: cgroup-v1/,
 * cgroup-v2.rst).
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { hierarchies } from './cgroups.ts';
import type { OciDeviceRule, OciRate, OciResources } from './oci-config.ts';

/** Makes the group in every hierarchy; gives the paths of its files cgroup.procs. */
export async function makeLimitedGroup(name: string, resources: OciResources): Promise<string[]> {
  const all = await hierarchies();
  const procs: string[] = [];
  for (const { target, controllers, unified } of all) {
    const group = join(target, name);
    await mkdir(group, { recursive: true });
    if (controllers.has('cpuset') && !unified) await inheritProcessors(target, name);
    if (unified) await enableControllers(target, name, controllers);
    const settings = unified ? settingsOf2(resources) : settingsOf1(resources);
    for (const [controller, file, text] of settings) {
      if (controllers.has(controller)) await writeFile(join(group, file), text);
    }
    procs.push(join(group, 'cgroup.procs'));
  }
  return procs;
}

/** Makes a group without limits for processes beside a container; gives the path of its cgroup.procs. */
export async function makePlainGroup(name: string): Promise<string> {
  const all = await hierarchies();
  const { target } = all.find(({ unified }) => unified) ?? all[0]!;
  await mkdir(join(target, name), { recursive: true });
  return join(target, name, 'cgroup.procs');
}

/** The cgroup.procs of the groups that a process is in, all of them at or below the named one. */
export async function groupsOf(pid: number, name: string): Promise<string[]> {
  const all = await hierarchies();
  const lines = (await readFile(`/proc/${pid}/cgroup`, 'utf8')).trim().split('\n');
  return all.map(({ target, controllers, unified }) => {
    const line = lines.find((one) => {
      const [number, names = ''] = one.split(':');
      return unified ? number === '0' : names.split(',').some((each) => each !== '' && controllers.has(each));
    });
    const path = line?.split(':').slice(2).join(':') ?? '';
    if (path !== `/${name}` && !path.startsWith(`/${name}/`))
      throw new Error(`process ${pid} is not in ${name}`);
    return join(target, path, 'cgroup.procs');
  });
}

/** A group of version 1 has no processors and memory nodes, and takes no process, until it is told. */
async function inheritProcessors(target: string, name: string): Promise<void> {
  const parent = dirname(name) === '.' ? target : join(target, dirname(name));
  if (parent !== target) await inheritProcessors(target, dirname(name));
  for (const file of ['cpuset.cpus', 'cpuset.mems']) {
    await writeFile(join(target, name, file), await readFile(join(parent, file)));
  }
}

/** In version 2 a group has the controllers that its parent hands down. */
async function enableControllers(target: string, name: string, controllers: Set<string>): Promise<void> {
  const wanted = ['cpu', 'io', 'memory', 'pids'].filter((one) => controllers.has(one));
  if (wanted.length === 0) return;
  const parents = name.split('/').map((_, index, all) => join(target, ...all.slice(0, index)));
  for (const parent of parents) {
    await writeFile(join(parent, 'cgroup.subtree_control'), wanted.map((one) => `+${one}`).join(' '));
  }
}

/** Controller, file, and what is written to it. */
type Settings = [controller: string, file: string, text: string][];

const words = (settings: [string, string, string | number | undefined][]): Settings =>
  settings.flatMap(([controller, file, value]) =>
    value === undefined ? [] : [[controller, file, String(value)]],
  );

function settingsOf1({ memory, pids, cpu, blockIO, devices = [] }: OciResources): Settings {
  const throttle = (what: string, rates: OciRate[] = []) =>
    rates.map(({ major, minor, rate }): Settings[number] => [
      'blkio',
      `blkio.throttle.${what}_bps_device`,
      `${major}:${minor} ${rate}`,
    ]);
  return [
    ...words([
      ['memory', 'memory.limit_in_bytes', memory?.limit],
      ['memory', 'memory.memsw.limit_in_bytes', memory?.swap],
      ['pids', 'pids.max', pids?.limit],
      ['cpu', 'cpu.cfs_period_us', cpu?.period],
      ['cpu', 'cpu.cfs_quota_us', cpu?.quota],
      ['cpu', 'cpu.shares', cpu?.shares],
    ]),
    ...throttle('read', blockIO?.throttleReadBpsDevice),
    ...throttle('write', blockIO?.throttleWriteBpsDevice),
    ...devices.map((rule): Settings[number] => [
      'devices',
      rule.allow ? 'devices.allow' : 'devices.deny',
      deviceText(rule),
    ]),
  ];
}

function deviceText({ type = 'a', major, minor, access }: OciDeviceRule): string {
  return `${type} ${major ?? '*'}:${minor ?? '*'} ${access}`;
}

/** Devices have no file in version 2: an instance has no node but the harmless ones, and its tree opens none. */
function settingsOf2({ memory, pids, cpu, blockIO, unified = {} }: OciResources): Settings {
  const { limit = 0, swap } = memory ?? {};
  const throttle = (what: string, rates: OciRate[] = []) =>
    rates.map(({ major, minor, rate }): Settings[number] => [
      'io',
      'io.max',
      `${major}:${minor} ${what}=${rate}`,
    ]);
  return [
    ...words([
      ['memory', 'memory.max', memory?.limit],
      ['memory', 'memory.swap.max', swap === undefined ? undefined : swap - limit],
      ['pids', 'pids.max', pids?.limit],
      ['cpu', 'cpu.max', cpu?.quota === undefined ? undefined : `${cpu.quota} ${cpu.period ?? 100_000}`],
    ]),
    ...throttle('rbps', blockIO?.throttleReadBpsDevice),
    ...throttle('wbps', blockIO?.throttleWriteBpsDevice),
    ...Object.entries(unified).map(([file, text]): Settings[number] => [file.split('.')[0]!, file, text]),
  ];
}
