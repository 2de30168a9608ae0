/** Proves an image or a stack that is named by its digest, as a client that trusts one key does it. */
import type { Digest } from '../../lib/oci/digest.ts';
import { parseReference, taggedReference } from '../../lib/registry/reference.ts';
import type { PublicKey } from '../../stages/sign/public-key.ts';
import type { RunOptions } from '../state/context.ts';
import { layouts as allLayouts, type Layout } from './fetch-signatures.ts';
import { findImage } from './image-source.ts';
import { proveFound } from './prove-found.ts';
import { statedOf } from './standings.ts';

export interface ProveOptions {
  key: PublicKey;
  layouts?: readonly Layout[];
  plainHttp: boolean;
}

/** @param repository HOST/REPOSITORY. Throws IMAGE_UNPUBLISHED, what verification throws, and what registries throw. */
export async function proveDigest(
  { state, progress, signal }: Pick<RunOptions, 'state' | 'progress' | 'signal'>,
  repository: string,
  digest: Digest,
  { key, layouts = allLayouts, plainHttp }: ProveOptions,
): Promise<void> {
  const reference = parseReference(`${repository}@${digest}`);
  const found = await findImage(reference, digest, { plainHttp, progress, signal });
  const options = { key, state, warn: (sentence: string) => progress.warn(sentence) };
  const image = { client: found.client, repository: found.repository, digest };
  const { revokedVerdicts } = await statedOf(image, layouts, options);
  const expected = { layouts, allowUnnamed: true, revokedVerdicts, arch: undefined };
  await proveFound(found, { ...expected, reference: taggedReference(reference) }, options);
}
