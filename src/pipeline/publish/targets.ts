/** The repositories that an image is published to, from the references of the command line. */
import { MillinerError } from '../../lib/errors/error.ts';
import type { Digest } from '../../lib/oci/digest.ts';
import { RegistryClient } from '../../lib/registry/client.ts';
import { completeReference } from '../../lib/registry/pull-sources.ts';
import { parseReference, showReference } from '../../lib/registry/reference.ts';
import { isDerivedTag } from '../../stages/sign/attachment.ts';
import type { RunOptions } from '../state/context.ts';

/** A repository and the tags that the image gets there. */
export interface Target {
  client: RegistryClient;
  registry: string;
  repository: string;
  tags: { tag: string; reference: string }[];
}

/** In the given order, without duplicates. Throws REFERENCE_INVALID, CREDENTIALS_INVALID. */
export async function openTargets(
  to: readonly string[],
  { plainHttp, progress, signal }: { plainHttp: boolean } & Pick<RunOptions, 'progress' | 'signal'>,
): Promise<Target[]> {
  const targets = new Map<string, Omit<Target, 'client'>>();
  for (const text of to) {
    const { registry, repository, tag, digest } = parseReference(text);
    if (tag === undefined || digest !== undefined) throw refused(text, 'it must name a tag, not a digest');
    if (isDerivedTag(tag)) throw refused(text, 'tags of this form belong to the signatures of images');
    const place = showReference({ registry, repository });
    const target = targets.get(place) ?? { registry, repository, tags: [] };
    targets.set(place, target);
    if (target.tags.some((known) => known.tag === tag)) continue;
    target.tags.push({ tag, reference: showReference({ registry, repository, tag }) });
  }
  const open = (target: Omit<Target, 'client'>) => openTarget(target, { plainHttp, progress, signal });
  return Promise.all([...targets.values()].map(open));
}

/** One tag, which is latest if the reference has none. Throws REFERENCE_INVALID, CREDENTIALS_INVALID. */
export async function openTag(
  text: string,
  options: { plainHttp: boolean } & Pick<RunOptions, 'progress' | 'signal'>,
): Promise<Target & { reference: string }> {
  const { registry, repository, tag = 'latest', digest } = parseReference(completeReference(text));
  if (digest !== undefined || isDerivedTag(tag)) {
    throw new MillinerError('REFERENCE_INVALID', `${text} must name a tag of an image, not a digest`, {
      details: { reference: text },
    });
  }
  const reference = showReference({ registry, repository, tag });
  const target = await openTarget({ registry, repository, tags: [{ tag, reference }] }, options);
  return { ...target, reference };
}

/** The image that the only tag of a target points to. Throws IMAGE_UNPUBLISHED. */
export async function currentImage({ client, repository, registry, tags }: Target): Promise<Digest> {
  const { tag, reference } = tags[0]!;
  const current = await client.headManifest(repository, tag);
  if (current !== undefined) return current;
  throw new MillinerError('IMAGE_UNPUBLISHED', `${registry} has no ${reference}`, { details: { reference } });
}

async function openTarget(
  target: Omit<Target, 'client'>,
  { plainHttp, progress, signal }: { plainHttp: boolean } & Pick<RunOptions, 'progress' | 'signal'>,
): Promise<Target> {
  const client = await RegistryClient.open({
    ...target,
    plainHttp,
    pushes: true,
    report: (sentence) => progress.warn(sentence),
    signal,
  });
  return { ...target, client };
}

function refused(reference: string, reason: string): MillinerError {
  return new MillinerError('REFERENCE_INVALID', `--to ${reference}: ${reason}`, { details: { reference } });
}
