/** Checks that a record agrees with its image's manifest: a signature is of the manifest, not of the record. */
import { isDeepStrictEqual } from 'node:util';
import { manifestType } from '../../lib/oci/descriptor.ts';
import type { Digest } from '../../lib/oci/digest.ts';
import { readConfig, readManifest } from '../../stages/image/foreign-image.ts';
import { annotatedTest, testAnnotation, titleLabel, type ImageLayer } from '../../stages/image/image.ts';
import type { Context } from './context.ts';
import type { testIn } from './foreign-test.ts';
import { titleOf, type ImageRecord } from './image-records.ts';

/** The first field of the record that differs; undefined if none does. */
export async function differsFromManifest(
  { content }: Context,
  record: ImageRecord,
): Promise<string | undefined> {
  const bytes = async (digest: Digest) => (await content.openVerified(digest)).toArray();
  const manifest = Buffer.concat(await bytes(record.manifestDigest));
  const said = readManifest(record.name, manifestType, manifest);
  const config = Buffer.concat(await bytes(said.config.digest));
  const image = readConfig(record.name, said, config, record.arch);
  const { annotations } = JSON.parse(manifest.toString('utf8')) as { annotations?: Record<string, string> };
  const isOwn = record.cameBy?.kind !== 'pulled';
  const labels = { ...(isOwn && { [titleLabel]: titleOf(record) }), ...record.config.labels };
  const test = isOwn
    ? [plain(jsonOf(annotations?.[testAnnotation])), plain(annotatedTest(record.test))]
    : [plain(await foreignTest(annotations, image.config)), plain(record.test)];
  const fields = {
    configDigest: [said.config.digest, record.configDigest],
    layers: [identities(image.layers), identities(record.layers)],
    config: [plain(image.config), plain({ ...record.config, labels })],
    test,
  };
  return Object.entries(fields).find(([, [there, here]]) => !isDeepStrictEqual(there, here))?.[0];
}

/** Few images are others', and the schema takes longer to load than all else here. */
async function foreignTest(...said: Parameters<typeof testIn>): Promise<ReturnType<typeof testIn>> {
  const { testIn: read } = await import('./foreign-test.ts');
  return read(...said);
}

export function sameLayers(one: readonly ImageLayer[], other: readonly ImageLayer[]): boolean {
  return isDeepStrictEqual(identities(one), identities(other));
}

const identities = (layers: readonly ImageLayer[]) =>
  layers.map(({ digest, diffID, mediaType }) => [digest, diffID, mediaType]);

/** Parsed JSON, because a schema changes the order of keys. */
function jsonOf(text = 'null'): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/**
 * The value as a record stores it: undefined fields and empty lists, which mean the same to a runtime, are left out.
 */
const plain = (value: unknown): unknown =>
  JSON.parse(
    JSON.stringify(value, (_, one: unknown) => (Array.isArray(one) && one.length === 0 ? undefined : one)),
  );
