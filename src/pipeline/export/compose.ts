/** A file for Compose (https://github.com/compose-spec/compose-spec/blob/main/spec.md). */
import { stringify } from 'yaml';
import type { ExportedService, ExportedStack } from './exported-service.ts';

/** compose.yaml */
export function composeFile(stack: ExportedStack): string {
  const { name, services } = stack;
  const volumes = services.flatMap((service) => service.volumes.map((one) => [one.name, {}] as const));
  const configs = services.flatMap((service) =>
    service.files.map((one) => [one.name, { content: escaped(one.content) }] as const),
  );
  const secrets = services.flatMap((service) =>
    service.secrets.map((one) => [one.name, { file: `./secrets/${one.name}` }] as const),
  );
  const document = {
    name: name.toLowerCase().replaceAll(/[^a-z0-9_-]/g, '-'),
    services: Object.fromEntries(services.map((one) => [one.name, serviceOf(one, stack)])),
    ...(volumes.length > 0 && { volumes: Object.fromEntries(volumes) }),
    ...(configs.length > 0 && { configs: Object.fromEntries(configs) }),
    ...(secrets.length > 0 && { secrets: Object.fromEntries(secrets) }),
  };
  return stringify(document, { lineWidth: 0, aliasDuplicateObjects: false });
}

function serviceOf(service: ExportedService, { services }: ExportedStack): object {
  const { image, ports, volumes, files, secrets, cpus, memory, pids, stopSeconds, stopSignal } = service;
  const published = ports.flatMap(({ port, protocol, publish }) =>
    publish
      ? [{ target: port, published: String(publish.port), host_ip: publish.address, protocol, mode: 'host' }]
      : [],
  );
  const mounted = volumes.map(({ name, path, readonly }) => ({
    type: 'volume',
    source: name,
    target: path,
    read_only: readonly,
  }));
  const placed = ({ name, path, mode }: { name: string; path: string; mode: string }) => ({
    source: name,
    target: path,
    mode: Number.parseInt(mode, 8),
  });
  const limits = { ...(cpus !== undefined && { cpus: String(cpus) }), memory: String(memory), pids };
  return {
    image,
    restart: 'on-failure',
    ...(published.length > 0 && { ports: published }),
    ...(mounted.length > 0 && { volumes: mounted }),
    ...(files.length > 0 && { configs: files.map(placed) }),
    ...(secrets.length > 0 && { secrets: secrets.map(placed) }),
    ...healthOf(service),
    ...dependsOn(service, services),
    deploy: { replicas: service.instances, resources: { limits } },
    stop_grace_period: `${stopSeconds}s`,
    ...(stopSignal !== undefined && { stop_signal: stopSignal }),
  };
}

function healthOf({ health, startSeconds }: ExportedService): object {
  if (!health?.exec) return {};
  return {
    healthcheck: {
      test: ['CMD', ...health.exec.map(escaped)],
      interval: `${health.intervalSeconds}s`,
      timeout: `${health.timeoutSeconds}s`,
      start_period: `${startSeconds}s`,
      retries: 3,
    },
  };
}

function dependsOn({ after }: ExportedService, services: readonly ExportedService[]): object {
  if (after.length === 0) return {};
  const conditionOf = (name: string) =>
    services.find((one) => one.name === name)?.health?.exec ? 'service_healthy' : 'service_started';
  return {
    depends_on: Object.fromEntries(after.map((name) => [name, { condition: conditionOf(name) }])),
  };
}

/** Compose replaces $NAME by a variable of its caller. */
const escaped = (text: string) => text.replaceAll('$', '$$$$');
