/**
 * Reads images of other builders, as registries have them: OCI image specification 1.1, and Docker's image manifest
 * version 2, schema 2. Their content is untrusted until it is checked here.
 */
import { z } from 'zod';
import { canonicalSignal } from '../../lib/container/stop-signal.ts';
import { MillinerError } from '../../lib/errors/error.ts';
import { indexType, manifestType } from '../../lib/oci/descriptor.ts';
import { isDigest, type Digest } from '../../lib/oci/digest.ts';
import type { ImageLayer, RuntimeConfig } from './image.ts';
import { fitOf, platformOf, showPlatform } from './platform.ts';

const indexTypes = [indexType, 'application/vnd.docker.distribution.manifest.list.v2+json'];
/** Docker's manifest is the same but for its names. */
export const manifestTypes = [manifestType, 'application/vnd.docker.distribution.manifest.v2+json'] as const;

/** Docker's media types of the same formats; a manifest uses one vocabulary for its layers. */
const ociTypes: Record<string, string> = {
  'application/vnd.docker.image.rootfs.diff.tar.gzip': 'application/vnd.oci.image.layer.v1.tar+gzip',
  'application/vnd.docker.image.rootfs.diff.tar.zstd': 'application/vnd.oci.image.layer.v1.tar+zstd',
  'application/vnd.docker.image.rootfs.diff.tar': 'application/vnd.oci.image.layer.v1.tar',
};
const isManifestType = (type: string) => manifestTypes.some((one) => one === type);
const layerTypes = Object.values(ociTypes);

const nullableString = z.string().nullish();
const digest = z.custom<Digest>(isDigest, { error: 'is not a sha256 digest' });
const descriptor = z.object({
  mediaType: z.string(),
  digest,
  size: z.int().nonnegative(),
  annotations: z.record(z.string(), z.string()).nullish(),
  platform: z.object({ architecture: z.string(), os: z.string(), variant: nullableString }).nullish(),
});
const indexSchema = z.object({ manifests: z.array(descriptor).max(1000) });
const manifestSchema = z.object({ config: descriptor, layers: z.array(descriptor).min(1).max(127) });

const set = z
  .record(z.string(), z.unknown())
  .nullish()
  .transform((value) => Object.keys(value ?? {}));
const nullableStrings = z.array(z.string()).nullish();

const configSchema = z.object({
  architecture: z.string(),
  os: z.string(),
  variant: nullableString,
  created: z.string().nullish(),
  config: z
    .object({
      Entrypoint: nullableStrings,
      Cmd: nullableStrings,
      Env: nullableStrings,
      User: nullableString,
      WorkingDir: nullableString,
      ExposedPorts: set,
      Volumes: set,
      StopSignal: nullableString,
      Labels: z.record(z.string(), z.string()).nullish(),
    })
    .nullish(),
  rootfs: z.object({ diff_ids: z.array(digest) }),
  history: z.array(z.object({ created_by: nullableString, empty_layer: z.boolean().nullish() })).nullish(),
});

export interface ForeignManifest {
  config: { digest: Digest; size: number };
  layers: z.output<typeof descriptor>[];
}

export interface ForeignConfig {
  layers: ImageLayer[];
  config: RuntimeConfig;
  /** Seconds; 0 if it is not recorded. */
  created: number;
}

const showArch = (arch: string) => showPlatform({ os: 'linux', ...platformOf(arch) });

/** The manifest of an index for an architecture (rpm's name); undefined if this is no index. Throws BASE_INVALID. */
export function chooseManifest(
  name: string,
  mediaType: string,
  bytes: Buffer,
  arch: string,
): Digest | undefined {
  if (!indexTypes.includes(mediaType)) return undefined;
  const { manifests } = parse(name, bytes, indexSchema);
  let best: { digest: Digest; fit: number } | undefined;
  for (const { mediaType: type, platform, digest: of } of manifests) {
    const fit = platform && isManifestType(type) ? fitOf(platform, arch) : undefined;
    if (fit !== undefined && fit > (best?.fit ?? -1)) best = { digest: of, fit };
  }
  if (best) return best.digest;
  const there = manifests.map(({ platform }) => (platform ? showPlatform(platform) : 'any')).join(', ');
  throw invalid(name, `it has no image for ${showArch(arch)}, but ${there}`);
}

/** Throws BASE_INVALID. */
export function readManifest(name: string, mediaType: string, bytes: Buffer): ForeignManifest {
  if (!isManifestType(mediaType))
    throw invalid(name, `its media type is ${JSON.stringify(mediaType)}, not that of an image`);
  const { config, layers } = parse(name, bytes, manifestSchema);
  return {
    config,
    layers: layers.map((layer) => ({ ...layer, mediaType: layerType(name, layer.mediaType) })),
  };
}

/** Throws BASE_INVALID. */
export function readConfig(
  name: string,
  { layers }: ForeignManifest,
  bytes: Buffer,
  arch: string,
): ForeignConfig {
  const image = parse(name, bytes, configSchema);
  const { created, config, rootfs, history } = image;
  if (fitOf(image, arch) === undefined)
    throw invalid(name, `it is for ${showPlatform(image)}, not for ${showArch(arch)}`);
  const diffIDs = rootfs.diff_ids;
  if (diffIDs.length !== layers.length)
    throw invalid(name, `it has ${layers.length} layers, and its configuration ${diffIDs.length}`);
  const steps = (history ?? []).filter((step) => step.empty_layer !== true);
  return {
    layers: layers.map(({ mediaType, digest: blob, size, annotations }, index) => ({
      mediaType,
      digest: blob,
      size,
      ...(annotations && { annotations }),
      diffID: diffIDs[index]!,
      holds: steps.length === layers.length ? (steps[index]!.created_by ?? '') : '',
    })),
    config: runtimeConfig(name, config ?? undefined),
    created: Math.max(0, Math.floor(Date.parse(created ?? '') / 1000) || 0),
  };
}

function runtimeConfig(
  name: string,
  config: z.output<typeof configSchema>['config'] = {} as never,
): RuntimeConfig {
  const { Entrypoint, Cmd, Env, User, WorkingDir, ExposedPorts, Volumes, StopSignal, Labels } = config ?? {};
  const some = (value: string | null | undefined) => (value === '' ? undefined : (value ?? undefined));
  const many = (value: string[] | null | undefined) => (value?.length ? value : undefined);
  return {
    entrypoint: many(Entrypoint),
    cmd: many(Cmd),
    env: Object.fromEntries((Env ?? []).map(variable)),
    user: some(User),
    workingDir: some(WorkingDir),
    exposedPorts: ExposedPorts ?? [],
    volumes: Volumes ?? [],
    stopSignal: some(StopSignal) === undefined ? undefined : signalOf(name, StopSignal!),
    labels: Labels ?? {},
  };
}

function signalOf(name: string, text: string): string {
  const signal = canonicalSignal(text);
  if (signal !== undefined) return signal;
  throw invalid(name, `its stop signal ${JSON.stringify(text.slice(0, 100))} is none`);
}

function variable(text: string): [name: string, value: string] {
  const at = text.indexOf('=');
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

function layerType(name: string, mediaType: string): string {
  const type = ociTypes[mediaType] ?? mediaType;
  if (layerTypes.includes(type)) return type;
  throw invalid(name, `it has a layer of the type ${JSON.stringify(mediaType)}`);
}

function parse<T>(name: string, bytes: Buffer, schema: z.ZodType<T>): T {
  let data: unknown;
  try {
    data = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes));
  } catch {
    throw invalid(name, 'its manifest or configuration is not JSON');
  }
  const result = schema.safeParse(data);
  if (result.success) return result.data;
  const { path, message } = result.error.issues[0]!;
  throw invalid(name, `${path.join('.')}: ${message}`);
}

function invalid(name: string, reason: string): MillinerError {
  return new MillinerError('BASE_INVALID', `${name} cannot be a base: ${reason}`, {
    details: { base: name },
  });
}
