/** Units of podman's generator (podman-systemd.unit(5)): one container for each service, its volumes and its network. */
import type { ExportedService, ExportedStack, Health } from './exported-service.ts';

type Files = Record<string, string>;

/** Files of /etc/containers/systemd, by name. */
export function quadletFiles({ name, services }: ExportedStack): Files {
  const isStack = services.length > 1;
  const files: Files = isStack ? { [`${name}.network`]: unit({ Network: [] }) } : {};
  for (const service of services) {
    const own = isStack ? `${name}-${service.name}` : service.name;
    files[`${own}.container`] = containerUnit(service, own, isStack ? name : undefined);
    for (const volume of service.volumes) files[`${volume.name}.volume`] = unit({ Volume: [] });
    for (const file of service.files) files[file.name] = file.content;
  }
  return files;
}

function containerUnit(service: ExportedService, own: string, stack: string | undefined): string {
  const { image, memory, pids, cpus, stopSeconds, stopSignal, startSeconds, name } = service;
  const others = service.after.map((one) => `${stack}-${one}.service`);
  const podman = [`--memory=${memory}`, `--memory-swap=${memory}`, `--stop-timeout=${stopSeconds}`];
  if (cpus !== undefined) podman.push(`--cpus=${cpus}`);
  if (stopSignal !== undefined) podman.push(`--stop-signal=${stopSignal}`);
  if (stack !== undefined) podman.push(`--network-alias=${name}`);
  return unit({
    Unit: [
      ['Description', `${own} (${image})`],
      ...others.flatMap((one): Line[] => [
        ['Requires', one],
        ['After', one],
      ]),
    ],
    Container: [
      ['Image', image],
      ['ContainerName', own],
      ...(stack === undefined ? [] : [['Network', `${stack}.network`] as Line]),
      ...service.ports.flatMap(publishLine),
      ...service.volumes.map((one): Line => [
        'Volume',
        `${one.name}.volume:${one.path}${one.readonly ? ':ro' : ''}`,
      ]),
      ...service.files.map((one): Line => ['Volume', `./${one.name}:${one.path}:ro,Z`]),
      ...service.secrets.map((one): Line => [
        'Secret',
        `${one.name},type=mount,target=${one.path},mode=${one.mode}`,
      ]),
      ['PidsLimit', String(pids)],
      ...healthLines(service.health, startSeconds),
      ...podman.map((word): Line => ['PodmanArgs', word]),
    ],
    Service: [
      ['Restart', 'on-failure'],
      ['TimeoutStartSec', String(startSeconds + 900)],
      ['TimeoutStopSec', String(stopSeconds + 10)],
    ],
    Install: [['WantedBy', 'multi-user.target default.target']],
  });
}

type Line = [key: string, value: string];

function publishLine({ port, protocol, publish }: ExportedService['ports'][number]): Line[] {
  if (!publish) return [];
  const address = publish.address.includes(':') ? `[${publish.address}]` : publish.address;
  return [['PublishPort', `${address}:${publish.port}:${port}/${protocol}`]];
}

/** podman runs health checks in the container: a check of a port or URL is no command there. */
function healthLines(health: Health | undefined, startSeconds: number): Line[] {
  if (!health?.exec) return [];
  return [
    ['HealthCmd', JSON.stringify(health.exec)],
    ['HealthInterval', `${health.intervalSeconds}s`],
    ['HealthTimeout', `${health.timeoutSeconds}s`],
    ['HealthStartPeriod', `${startSeconds}s`],
    ['HealthRetries', '3'],
  ];
}

/** In unit files % begins a specifier, and no value has a line break (systemd.unit(5)). */
const escaped = (value: string) => value.replaceAll('%', '%%').replaceAll(/[\r\n]/g, ' ');

function unit(sections: Record<string, readonly Line[]>): string {
  const texts = Object.entries(sections).map(([section, lines]) =>
    [`[${section}]`, ...lines.map(([key, value]) => `${key}=${escaped(value)}`)].join('\n'),
  );
  return `${texts.join('\n\n')}\n`;
}
