/** A stack in a registry: an OCI artifact whose one layer is the resolved stack. */
import { z } from 'zod';
import { MillinerError } from '../../lib/errors/error.ts';
import { canonicalJson } from '../../lib/oci/digest.ts';
import { resolvedStackSchema, type ResolvedStack } from '../../stages/recipe/resolved-stack.ts';
import {
  blobOf,
  describe,
  makeArtifact,
  readManifest,
  type Artifact,
  type Fetched,
} from '../../stages/sign/artifact.ts';
import { emptyConfig } from '../../stages/sign/sigstore-bundle.ts';

const stackArtifactType = 'application/vnd.milliner.stack.v1+json';

/** Values have 64 KiB at most, and there are 64 of them for each of 32 services; a manifest has 4 MiB. */
const maxStackBytes = 32 * 1024 * 1024;

/** The same stack at the same places is the same artifact. */
export function stackArtifact(stack: ResolvedStack): Artifact {
  const bytes = Buffer.from(canonicalJson(stack));
  const title = { 'org.opencontainers.image.title': `${stack.name}.stack.json` };
  return makeArtifact({
    artifactType: stackArtifactType,
    config: emptyConfig,
    layers: [{ descriptor: describe(stackArtifactType, bytes, title), bytes }],
  });
}

const typeSchema = z.object({ artifactType: z.literal(stackArtifactType) });

/** Whether a manifest says that it is a stack. */
export function isStack(manifest: Uint8Array): boolean {
  try {
    return typeSchema.safeParse(JSON.parse(Buffer.from(manifest).toString('utf8'))).success;
  } catch {
    return false;
  }
}

/** The digest of its layer. Throws IMAGE_ALTERED. */
export function layerOfStack(manifest: Buffer, name: string) {
  const { layers } = readManifest(manifest, name);
  const [layer, ...more] = layers.filter(({ mediaType }) => mediaType === stackArtifactType);
  if (layer && more.length === 0 && layer.size <= maxStackBytes) return layer;
  throw new MillinerError('IMAGE_ALTERED', `${name} is no stack of one layer`);
}

/** What it says; only its digest is checked. Throws IMAGE_ALTERED. */
export function readStackArtifact(fetched: Fetched, name: string): ResolvedStack {
  const bytes = blobOf(fetched, layerOfStack(fetched.manifest, name), name);
  let data: unknown;
  try {
    data = JSON.parse(bytes.toString('utf8'));
  } catch (cause) {
    throw new MillinerError('IMAGE_ALTERED', `${name} is no JSON`, { cause });
  }
  const result = resolvedStackSchema.safeParse(data);
  if (result.success) return result.data;
  const [first] = result.error.issues;
  throw new MillinerError('IMAGE_ALTERED', `${name}: ${first!.path.join('.')}: ${first!.message}`);
}
