/** The changelog entries between two versions of a package, from the headers of both files. */
import type { Digest } from '../../lib/oci/digest.ts';
import { readPackage, type RpmPackage } from '../../lib/rpm/package.ts';
import { headerTags } from '../../lib/rpm/tags.ts';
import type { StateContext } from '../state/context.ts';

export interface ChangelogEntry {
  /** Seconds since 1970. */
  time: number;
  /** The text in rpm's header: name, address, and usually the version. */
  author: string;
  text: string;
}

/** The entries newer than all of the old package, newest first; undefined if a file is no longer in the store. */
export async function newEntries(
  context: StateContext,
  from: string,
  to: string,
): Promise<ChangelogEntry[] | undefined> {
  const [old, current] = [await storedPackage(context, from), await storedPackage(context, to)];
  if (!old || !current) return undefined;
  const newest = Math.max(0, ...(old.header.numbers(headerTags.CHANGELOGTIME) ?? []));
  const times = current.header.numbers(headerTags.CHANGELOGTIME) ?? [];
  const authors = current.header.strings(headerTags.CHANGELOGNAME) ?? [];
  const texts = current.header.strings(headerTags.CHANGELOGTEXT) ?? [];
  return times
    .map((time, index) => ({ time, author: authors[index] ?? '', text: texts[index] ?? '' }))
    .filter(({ time }) => time > newest);
}

async function storedPackage({ content }: StateContext, sha256: string): Promise<RpmPackage | undefined> {
  const digest: Digest = `sha256:${sha256}`;
  return (await content.has(digest)) ? readPackage(await content.use(digest)) : undefined;
}
