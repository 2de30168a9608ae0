/**
 * Makes the bytes of OCI configuration and manifest (OCI image specification 1.1): the same input gives the same
 * digest.
 */
import { createHash } from 'node:crypto';
import { canonicalSignal } from '../../lib/container/stop-signal.ts';
import { manifestType } from '../../lib/oci/descriptor.ts';
import { platformOf, type Platform } from './platform.ts';

export interface Descriptor {
  mediaType: string;
  digest: string;
  size: number;
  annotations?: Record<string, string>;
  platform?: Platform;
}

export interface ImageLayer extends Descriptor {
  diffID: string;
  /** The recipe that made it; absent for a layer of another builder. */
  recipe?: string | undefined;
  /** Description of its content; for another builder's layer, the build step. */
  holds: string;
  /** NEVRAs of a layer of packages. */
  packages?: string[];
  /** Whether it was changed by hand in an instance; `recipe` is then the name that it was committed under. */
  isHandmade?: true;
}

/** The recipe's `config`, or the configuration of a base image. */
export interface RuntimeConfig {
  entrypoint?: string[] | undefined;
  cmd?: string[] | undefined;
  env: Record<string, string>;
  user?: string | undefined;
  workingDir?: string | undefined;
  exposedPorts: string[];
  volumes: string[];
  stopSignal?: string | undefined;
  labels: Record<string, string>;
}

export interface ImageInput {
  /** The recipe's name. */
  name: string;
  release?: string | undefined;
  /** rpm's name. */
  arch: string;
  /** Seconds. */
  epoch: number;
  config: RuntimeConfig;
  /** Lowest first, bases included. */
  layers: ImageLayer[];
  base?: { name: string; digest: string } | undefined;
  /** The test plan of the image, so that it can be tested without the recipe. */
  test: JudgedBy;
}

export interface ImageBytes {
  config: Buffer;
  configDigest: string;
  manifest: Buffer;
  manifestDigest: string;
}

const configType = 'application/vnd.oci.image.config.v1+json';

const defaultPath = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';

/** OCI manifests have no health checks. */
export const testAnnotation = 'io.milliner.test';
/** Who changed an instance that the image was committed from, and when. What is built on the image inherits it. */
export const handmadeLabel = 'io.milliner.handmade';
export const titleLabel = 'org.opencontainers.image.title';
const versionLabel = 'org.opencontainers.image.version';

/** What judges a boot and changes nothing in the image, so it must not change the digest. */
interface JudgedBy {
  retries?: number | undefined;
  compare?: object | undefined;
}

export function annotatedTest<T extends JudgedBy>({
  retries: _retries,
  compare: _compare,
  ...test
}: T): Omit<T, keyof JudgedBy> {
  return test;
}

/**
 * A child inherits the base's settings unless it sets its own. A new entrypoint drops the base's command. Title and
 * version are not inherited, because they describe one image.
 */
export function inheritConfig(base: RuntimeConfig | undefined, own: RuntimeConfig): RuntimeConfig {
  const { [titleLabel]: _title, [versionLabel]: _version, ...inherited } = base?.labels ?? {};
  const unique = (values: string[]) => [...new Set(values)].toSorted();
  return {
    entrypoint: own.entrypoint ?? base?.entrypoint,
    cmd: own.cmd ?? (own.entrypoint ? undefined : base?.cmd),
    env: { PATH: defaultPath, ...base?.env, ...own.env },
    user: own.user ?? base?.user,
    workingDir: own.workingDir ?? base?.workingDir,
    exposedPorts: unique([...(base?.exposedPorts ?? []), ...own.exposedPorts]),
    volumes: unique([...(base?.volumes ?? []), ...own.volumes]),
    stopSignal: own.stopSignal === undefined ? base?.stopSignal : canonicalSignal(own.stopSignal),
    labels: { ...inherited, ...own.labels },
  };
}

export function makeImage(input: ImageInput): ImageBytes {
  const config = json(configOf(input));
  const configDigest = digestOf(config);
  const manifest = json({
    schemaVersion: 2,
    mediaType: manifestType,
    config: { mediaType: configType, digest: configDigest, size: config.length },
    layers: input.layers.map(({ mediaType, digest, size, annotations }) => ({
      mediaType,
      digest,
      size,
      annotations,
    })),
    annotations: annotationsOf(input),
  });
  return { config, configDigest, manifest, manifestDigest: digestOf(manifest) };
}

function configOf({ name, arch, epoch, config, layers }: ImageInput): object {
  const created = isoTime(epoch);
  const set = (values: string[]) =>
    values.length > 0 ? Object.fromEntries(values.map((value) => [value, {}])) : undefined;
  return {
    created,
    ...platformOf(arch),
    os: 'linux',
    config: {
      User: config.user,
      ExposedPorts: set(config.exposedPorts),
      Env: Object.entries(config.env).map(([key, value]) => `${key}=${value}`),
      Entrypoint: config.entrypoint,
      Cmd: config.cmd,
      Volumes: set(config.volumes),
      WorkingDir: config.workingDir,
      Labels: sorted({ [titleLabel]: name, ...config.labels }),
      StopSignal: config.stopSignal,
    },
    rootfs: { type: 'layers', diff_ids: layers.map(({ diffID }) => diffID) },
    history: layers.map(({ recipe, holds, isHandmade = false }) =>
      recipe === undefined
        ? { created_by: holds }
        : { created, created_by: `milliner ${isHandmade ? 'commit' : 'build'} ${recipe}`, comment: holds },
    ),
  };
}

function annotationsOf({ name, release, epoch, config, base, test }: ImageInput): Record<string, string> {
  const standard = Object.entries(config.labels).filter(([key]) =>
    key.startsWith('org.opencontainers.image.'),
  );
  return sorted({
    [titleLabel]: name,
    ...(release !== undefined && { [versionLabel]: release }),
    ...Object.fromEntries(standard),
    'org.opencontainers.image.created': isoTime(epoch),
    [testAnnotation]: JSON.stringify(annotatedTest(test)),
    ...(base && {
      'org.opencontainers.image.base.name': base.name,
      'org.opencontainers.image.base.digest': base.digest,
    }),
  });
}

function sorted(record: Record<string, string>): Record<string, string> {
  return Object.fromEntries(Object.entries(record).toSorted(([a], [b]) => (a < b ? -1 : 1)));
}

function isoTime(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace('.000Z', 'Z');
}

function json(value: unknown): Buffer {
  return Buffer.from(JSON.stringify(value), 'utf8');
}

function digestOf(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
}
