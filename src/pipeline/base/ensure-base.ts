/** Provides a base that no recipe builds: pulls it, verifies its signature, unpacks it, and records it. */
import { join } from 'node:path';
import { MillinerError } from '../../lib/errors/error.ts';
import { withLock } from '../../lib/host/locks.ts';
import { canonicalDigest, type Digest } from '../../lib/oci/digest.ts';
import { parseReference } from '../../lib/registry/reference.ts';
import type { LockedImage } from '../../stages/lock/lock-file.ts';
import type { BaseSource } from '../../stages/recipe/base-source.ts';
import { baseVersion, findBase, nameOf, writeBase, type BaseRecord } from '../state/base-records.ts';
import type { Context } from '../state/context.ts';
import { idsOf, pemKeys, readSignerKey } from '../trust/signer-key.ts';
import { refuseKnownRevoked } from '../trust/standings.ts';
import { describeTree } from './describe-tree.ts';
import { layerOfSource, type FileSource } from './filesystem.ts';
import { pullImage, type ImageSource } from './pull.ts';
import { unpackChain } from './unpack-layers.ts';

type Pinned = Pick<LockedImage, 'digest' | 'index'>;

/** A record without what the unpacked tree shows. */
type BaseContent = Omit<BaseRecord, 'version' | 'snapshot' | 'tree' | 'dbPath' | 'packages'>;

/**
 * Returns the base that the lock pins, or without a pin the one that `source` leads to now. Throws LOCK_STALE if a file
 * system has changed since it was locked, BASE_INVALID, LAYER_INVALID, RPMDB_INVALID, RPMDB_UNSUPPORTED, and what
 * registries and signatures throw.
 */
export async function ensureBase(
  context: Context,
  source: BaseSource,
  arch: string,
  pinned?: Pinned,
): Promise<BaseRecord> {
  const turn = join(context.state, 'locks', `base-${canonicalDigest(source).slice(-16)}`);
  const ensure = async () => {
    const base =
      source.kind === 'image'
        ? await imageContent(context, source, arch, pinned)
        : await fileContent(context, source, arch, pinned);
    const snapshot = await unpackChain(context, base.name, base.layers);
    const known = await findBase(context, base);
    if (known && (await context.content.has(known.tree))) return writeBase(context, { ...known, ...base });
    const { newest, ...described } = await describeTree(context, { name: base.name, snapshot });
    const epoch = Math.max(base.epoch, newest);
    return writeBase(context, { ...base, version: baseVersion, snapshot, ...described, epoch });
  };
  return withLock(turn, 'exclusive', ensure, { wait: true, signal: context.signal });
}

/** A pinned image that is here needs no registry, if one of these keys is known to have signed it. */
async function imageContent(
  context: Context,
  { keys: paths, ...source }: ImageSource,
  arch: string,
  pinned: Pinned | undefined,
): Promise<BaseContent> {
  const { reference, unnamed } = source;
  const keys = await Promise.all(paths.map((path) => readSignerKey(path, { signal: context.signal })));
  const allowUnnamed = unnamed || parseReference(reference).digest !== undefined;
  const known = pinned && (await findBase(context, { name: reference, manifestDigest: pinned.digest, arch }));
  if (pinned) await refuseKnownRevoked(context.state, pinned.digest, pemKeys(keys));
  const isTrusted = keys.length === 0 || (known && isSigned(known, keys.flatMap(idsOf), allowUnnamed));
  if (known && isTrusted && (await hasLayers(context, known))) return known;
  const pulled = await pullImage(context, { ...source, keys }, arch, pinned);
  const { created, ...image } = pulled;
  return { kind: 'image', name: reference, arch, manifestDigest: image.digest, epoch: created, ...image };
}

function isSigned({ signedBy, signedUnnamedBy }: BaseRecord, ids: readonly string[], allowUnnamed: boolean) {
  const signers = [...signedBy, ...(allowUnnamed ? signedUnnamedBy : [])];
  return ids.some((id) => signers.includes(id));
}

/** A file system is read each time: there is no cheaper way to see whether it has changed. */
async function fileContent(
  context: Context,
  source: FileSource,
  arch: string,
  pinned: Pinned | undefined,
): Promise<BaseContent> {
  const { path } = source;
  const { digest, layer } = await layerOfSource(context, source);
  if (pinned && digest !== pinned.digest) {
    throw new MillinerError('LOCK_STALE', `${path} has ${digest}, but ${pinned.digest} was locked`, {
      details: { path, expected: pinned.digest, actual: digest },
    });
  }
  const config = { env: {}, exposedPorts: [], volumes: [], labels: {} };
  const made = { digest, manifestDigest: layer.digest, layers: [layer], config, epoch: 0 };
  const unsigned = { signedBy: [], signedUnnamedBy: [] };
  return { kind: source.kind, name: nameOf(source), arch, ...made, ...unsigned };
}

async function hasLayers({ content }: Context, { layers }: BaseRecord): Promise<boolean> {
  const there = await Promise.all(layers.map(({ digest }) => content.has(digest as Digest)));
  return there.every(Boolean);
}
