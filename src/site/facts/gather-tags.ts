/** The tags of the images: from signed histories in registries with a key, or else from what this state remembers. */
import { MillinerError } from '../../lib/errors/error.ts';
import type { Digest } from '../../lib/oci/digest.ts';
import { inParallel } from '../../lib/host/parallel.ts';
import type { RunOptions } from '../../pipeline/state/context.ts';
import { listIndexes } from '../../pipeline/state/index-records.ts';
import { allPublished } from '../../pipeline/state/publications.ts';
import { reportTag, type TagReport } from '../../pipeline/report/tag-report.ts';
import type { SiteImage, SiteMove, SiteNight, SiteTag } from './site-facts.ts';

/** Enough to use the bandwidth, and few enough for the limits of a registry. */
const parallel = 4;

export interface RegistryAccess {
  /** Path of the public key. */
  key: string;
  plainHttp: boolean;
}

type Run = Pick<RunOptions, 'state' | 'progress' | 'signal'>;

export async function gatherTags(
  run: Run,
  { images, nights }: { images: readonly SiteImage[]; nights: readonly SiteNight[] },
  access: RegistryAccess | undefined,
): Promise<SiteTag[]> {
  const remembered = rememberedTags(images, nights);
  for (const reference of await allPublished(run.state))
    if (!remembered.has(reference))
      remembered.set(reference, { reference, source: 'state', images: [], moves: [] });
  const known = [...remembered.values()].toSorted((a, b) => (a.reference < b.reference ? -1 : 1));
  let done = 0;
  const tags = access
    ? await inParallel(known, parallel, run.signal, async (tag) => {
        const read = await readTag(run, tag, access);
        run.progress.update('reading the histories of tags', ++done, known.length);
        return read;
      })
    : known;
  const indexes = await listIndexes(run.state);
  return tags.map((tag) => ({ ...tag, images: imagesBehind(tag, images, indexes) }));
}

/** What the nights of this state, and its publications, say of tags: the newest that went there. */
function rememberedTags(images: readonly SiteImage[], nights: readonly SiteNight[]): Map<string, SiteTag> {
  const tags = new Map<string, SiteTag>();
  const tagOf = (reference: string) => {
    const tag = tags.get(reference) ?? { reference, source: 'state', images: [], moves: [] };
    tags.set(reference, tag);
    return tag;
  };
  for (const { finished, set, images: ofNight } of nights) {
    for (const { references, digest, previous, outcome } of ofNight) {
      if (outcome !== 'published' || digest === undefined) continue;
      const from = previous && { from: previous };
      const move: SiteMove = {
        time: finished,
        to: digest,
        ...from,
        reason: 'published',
        note: `night of ${set}`,
      };
      for (const tag of references.map(tagOf)) Object.assign(tag, { digest, moves: [move, ...tag.moves] });
    }
  }
  for (const { references, digest } of images) for (const tag of references.map(tagOf)) tag.digest ??= digest;
  return tags;
}

async function readTag(run: Run, tag: SiteTag, { key, plainHttp }: RegistryAccess): Promise<SiteTag> {
  try {
    return fromReport(await reportTag({ reference: tag.reference, key, plainHttp }, run));
  } catch (error) {
    if (
      !(error instanceof MillinerError) ||
      run.signal?.aborted === true ||
      error.code === 'KEY_FILE_INVALID'
    )
      throw error;
    const { code, message } = error;
    run.progress.warn(`the history of ${tag.reference} is not shown: ${message}`);
    return { ...tag, source: 'registry', moves: [], problem: { code, message } };
  }
}

const iso = (seconds: number) => new Date(seconds * 1000).toISOString();

function fromReport({ reference, manifestDigest, moves, hold }: TagReport): SiteTag {
  return {
    reference,
    source: 'registry',
    ...(manifestDigest && { digest: manifestDigest }),
    images: [],
    moves: moves.map(({ time, from, to, reason, note, by }) => ({
      time: iso(time),
      to,
      reason,
      by,
      ...(from && { from }),
      ...(note !== undefined && { note }),
    })),
    ...(hold && {
      hold: { reason: hold.reason, ...(hold.until !== undefined && { until: iso(hold.until) }) },
    }),
  };
}

/** The images of this state that a tag names now, by its digest, through an index, or through a build of the past. */
function imagesBehind(
  { digest, reference }: SiteTag,
  images: readonly SiteImage[],
  indexes: ReadonlyMap<Digest, readonly Digest[]>,
): string[] {
  const digests = new Set<string>(digest === undefined ? [] : [digest, ...(indexes.get(digest) ?? [])]);
  return images
    .filter(
      (image) =>
        image.references.includes(reference) ||
        [image, ...image.former].some((build) => digests.has(build.digest)),
    )
    .map(({ id }) => id);
}
