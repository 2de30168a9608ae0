/** Reads what the flags of `run` say of an instance. */
import { MillinerError } from '../lib/errors/error.ts';
import type { RunSettings } from '../pipeline/instance/run-settings.ts';
import type { PortMapping } from '../stages/boot/ports.ts';

interface SettingFlags {
  name?: string | undefined;
  memory?: string | undefined;
  cpus?: string | undefined;
  pids?: number | undefined;
  bandwidth?: string | undefined;
  env: readonly string[];
}

/** Undefined if the recipe says all. */
export function settingsOf({
  name,
  memory,
  cpus,
  pids,
  bandwidth,
  env,
}: SettingFlags): RunSettings | undefined {
  const all = [name, memory, cpus, pids, bandwidth, ...env];
  if (all.every((one) => one === undefined)) return undefined;
  const limits = { memory, cpus: cpus === undefined ? undefined : Number(cpus), pids, bandwidth };
  return { name, limits, env: Object.fromEntries(env.map(variableOf)) };
}

function variableOf(text: string): [name: string, value: string] {
  const [, name, value] = /^([A-Za-z_][A-Za-z0-9_]*)=([^\0]*)$/.exec(text) ?? [];
  if (name === undefined || value === undefined)
    throw new MillinerError('USAGE', `--env ${text} is not NAME=VALUE`);
  return [name, value];
}

export function portOf(text: string, instances: number): PortMapping {
  const [, address, host, port, protocol] =
    /^(?:(?:([^:]+|\[[0-9A-Fa-f:.]+\]):)?(\d{1,5}):)?(\d{1,5})(?:\/(tcp|udp))?$/.exec(text) ?? [];
  const mapping: PortMapping = {
    address: address?.replace(/^\[(.*)\]$/, '$1') ?? '127.0.0.1',
    hostPort: Number(host ?? 0),
    instancePort: Number(port),
    ...(protocol === 'udp' && { protocol }),
  };
  const fits = mapping.hostPort <= 65_535 && mapping.instancePort >= 1 && mapping.instancePort <= 65_535;
  if (!fits) throw new MillinerError('USAGE', `--publish ${text} is not [[ADDRESS:]PORT:]INSTANCEPORT[/udp]`);
  if (instances > 1 && mapping.hostPort > 0) {
    throw new MillinerError('USAGE', `--publish ${text}: ${instances} instances cannot share one port`, {
      hint: `Give only the port of the instance: --publish ${port}.`,
    });
  }
  return mapping;
}
