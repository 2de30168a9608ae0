/** For `pull`: takes an image from a registry into this state, once the publisher's signature is verified. */
import { MillinerError } from '../../lib/errors/error.ts';
import { hostArch } from '../../lib/host/arch.ts';
import { completeReference } from '../../lib/registry/pull-sources.ts';
import { parseReference, taggedReference } from '../../lib/registry/reference.ts';
import { ensureBase } from '../base/ensure-base.ts';
import type { Context } from '../state/context.ts';
import type { ImageRecord } from '../state/image-records.ts';
import { policyKey } from '../trust/policy-key.ts';
import { recordForeign } from './foreign-record.ts';

export interface PullRequest {
  /** Path of the public key; without it the one that the host's policy requires. */
  key?: string | undefined;
  /** Take it without any signature. */
  unsigned: boolean;
  arch?: string | undefined;
}

/** Throws USAGE without a key and policy, what verification throws, BASE_INVALID, and what registries throw. */
export async function pullReference(
  context: Context,
  text: string,
  { key, unsigned, arch = hostArch() }: PullRequest,
): Promise<ImageRecord> {
  const reference = completeReference(text);
  const parsed = parseReference(reference);
  if (parsed.tag === undefined && parsed.digest !== undefined)
    throw new MillinerError('REFERENCE_INVALID', `${text} has no tag, which the image is found by here`, {
      hint: `Name a tag beside the digest: REGISTRY/REPOSITORY:TAG@DIGEST.`,
    });
  const keys = unsigned ? [] : [key ?? (await policyKey(parsed))];
  return context.content.lease(async () => {
    const source = { kind: 'image' as const, reference, keys, unnamed: false, expired: false };
    const { configDigest, signedBy, ...base } = await ensureBase(context, source, arch);
    const { manifestDigest, layers, config, epoch, packages, dbPath, snapshot, tree } = base;
    const image = { manifestDigest, layers, config, epoch, packages, snapshot, tree };
    return recordForeign(
      context,
      {
        ...image,
        ...(dbPath !== undefined && { dbPath }),
        configDigest: configDigest!,
        name: taggedReference(parsed),
        arch,
      },
      { kind: 'pulled', reference, signedBy },
    );
  });
}
