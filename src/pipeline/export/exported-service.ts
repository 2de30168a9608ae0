/** What podman, Compose and Kubernetes have to be told so that an image runs there as its recipe says. */
import { basename } from 'node:path';
import { MillinerError } from '../../lib/errors/error.ts';
import { parseReference, showReference } from '../../lib/registry/reference.ts';
import type { RuntimeConfig } from '../../stages/image/image.ts';
import type { ResolvedService, ResolvedStack } from '../../stages/recipe/resolved-stack.ts';
import { bytesOf, durationOf } from '../../stages/recipe/quantities.ts';
import type { TestPlan } from '../../stages/recipe/schema.ts';

interface ExportedPort {
  port: number;
  protocol: 'tcp' | 'udp';
  /** Of the host; absent for any that is free. */
  publish?: { address: string; port: number };
}

export interface Health {
  /** One of the three, as the recipe's check says. */
  exec?: readonly string[];
  tcp?: number;
  http?: { port: number; path: string };
  intervalSeconds: number;
  timeoutSeconds: number;
}

export interface ExportedService {
  name: string;
  /** REGISTRY/REPOSITORY@DIGEST. */
  image: string;
  ports: ExportedPort[];
  volumes: { name: string; path: string; readonly: boolean; bytes: number }[];
  files: { name: string; path: string; mode: string; content: string }[];
  secrets: { name: string; path: string; mode: string }[];
  cpus?: number;
  /** Bytes. */
  memory: number;
  pids: number;
  health?: Health;
  stopSignal?: string;
  stopSeconds: number;
  /** Seconds that it may take to become ready. */
  startSeconds: number;
  instances: number;
  /** Services that are to be ready before it. */
  after: readonly string[];
}

export interface ExportedStack {
  name: string;
  services: ExportedService[];
  /** What the recipe says and the formats have no words for. */
  lacks: string[];
}

interface ImageFacts {
  name: string;
  /** REGISTRY/REPOSITORY. */
  repository: string;
  digest: string;
  config: RuntimeConfig;
  test: TestPlan;
}

/** Bytes of a volume of which no stack says how large it is. */
const volumeBytes = 4 * 1024 ** 3;

/** One image as a stack of one service. */
export function exportImage({ name, repository, digest, config, test }: ImageFacts): ExportedStack {
  const volumes = config.volumes.map((path) => ({
    name: `${name}-${basename(path)}`,
    path,
    readonly: false,
    bytes: volumeBytes,
  }));
  const ports = exposed(config).map((one) => ({ ...one, publish: { address: '127.0.0.1', port: one.port } }));
  const given = { ports, volumes, files: [], secrets: [], after: [], instances: 1 };
  const image = `${repository}@${digest}`;
  return {
    name,
    services: [{ ...given, ...commonOf({ name, image }, config, test) }],
    lacks: lacksOf('', test),
  };
}

/** Throws USAGE for an image that is in no registry. */
export function exportStack(
  { name, services, volumes: sizes }: ResolvedStack,
  configs: ReadonlyMap<string, RuntimeConfig>,
): ExportedStack {
  const all = Object.entries(services);
  return {
    name,
    services: all.map(([service, one]) => serviceOf(service, one, configs.get(service)!, sizes)),
    lacks: all.flatMap(([service, { test }]) => lacksOf(`${service}: `, test)),
  };
}

function serviceOf(
  name: string,
  { image, test, values, secrets, volumes, ports, instances, after }: ResolvedService,
  config: RuntimeConfig,
  sizes: ResolvedStack['volumes'],
): ExportedService {
  const inside = exposed(config).filter(({ port }) => !ports.some((one) => one.port === port));
  const published = ports.map(({ port, publish, address }): ExportedPort => ({
    port,
    protocol: 'tcp',
    ...(publish > 0 && { publish: { address, port: publish } }),
  }));
  return {
    ...commonOf({ name, image: placeOf(image) }, config, test),
    ports: [...published, ...inside],
    volumes: Object.entries(volumes).map(([volume, { path, readonly }]) => ({
      name: volume,
      path,
      readonly,
      bytes: bytesOf(sizes[volume]?.size ?? '4G'),
    })),
    files: Object.entries(values).map(([path, { content, mode }], index) => ({
      name: `${name}-${index + 1}-${basename(path)}`,
      path,
      mode,
      content,
    })),
    secrets: Object.entries(secrets).map(([secret, { path, mode }]) => ({ name: secret, path, mode })),
    instances,
    after,
  };
}

function placeOf({ repository, name, digest }: ResolvedService['image']): string {
  const place = repository ?? (name.includes('/') ? withoutTag(name) : undefined);
  if (place !== undefined) return `${place}@${digest}`;
  throw unpublished(name);
}

export function unpublished(image: string): MillinerError {
  return new MillinerError('USAGE', `${image} is in no registry, from which others could take it`, {
    hint: 'Publish it first with milliner publish. An export names it by its digest there.',
    details: { image },
  });
}

export function withoutTag(reference: string): string {
  const { registry, repository } = parseReference(reference);
  return showReference({ registry, repository });
}

function exposed({ exposedPorts }: RuntimeConfig): ExportedPort[] {
  return exposedPorts.map((text) => {
    const [port = '', protocol] = text.split('/');
    return { port: Number(port), protocol: protocol === 'udp' ? 'udp' : 'tcp' };
  });
}

function commonOf(identity: { name: string; image: string }, { stopSignal }: RuntimeConfig, test: TestPlan) {
  const { limits, stop, ready } = test;
  const health = healthOf(test);
  return {
    ...identity,
    ...(limits.cpus !== undefined && { cpus: limits.cpus }),
    memory: bytesOf(limits.memory),
    pids: limits.pids,
    ...(health && { health }),
    ...(stopSignal !== undefined && { stopSignal }),
    stopSeconds: Math.ceil(durationOf(stop.timeout) / 1000),
    startSeconds: Math.ceil(durationOf(ready.timeout) / 1000),
  };
}

/** The first check of the recipe: health is one question in all formats. */
function healthOf({ checks: [check] }: TestPlan): Health | undefined {
  if (!check) return undefined;
  const timeoutSeconds = Math.ceil(durationOf(check.timeout ?? '10s') / 1000);
  const times = { intervalSeconds: 30, timeoutSeconds: Math.min(timeoutSeconds, 30) };
  if ('exec' in check) return { exec: check.exec, ...times };
  if ('tcp' in check) return { tcp: check.tcp, ...times };
  const { port, pathname, search } = new URL(check.http);
  return { http: { port: Number(port === '' ? 80 : port), path: `${pathname}${search}` }, ...times };
}

function lacksOf(service: string, { limits, network, egress }: TestPlan): string[] {
  const { bandwidth, io, swap, cpuWeight } = limits;
  const set = { bandwidth, io, swap, cpuWeight };
  const names = Object.entries(set).filter(([, value]) => value !== undefined);
  return [
    ...names.map(([key]) => `${service}test.limits.${key}`),
    ...(network === 'egress' ? [`${service}test.egress (${egress?.length ?? 0} destinations)`] : []),
  ];
}
