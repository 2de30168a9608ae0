/** Writes the site: reads what the state says, and what registries and repositories say where they are to be asked. */
import type { StateContext } from '../pipeline/state/context.ts';
import { requirePemKey } from '../pipeline/trust/signer-key.ts';
import { gatherAdvisories, readChains } from './facts/gather-advisories.ts';
import { gatherImages } from './facts/gather-images.ts';
import { gatherLocks } from './facts/gather-locks.ts';
import { gatherNights } from './facts/gather-nights.ts';
import { gatherTags, type RegistryAccess } from './facts/gather-tags.ts';
import type { SiteFacts } from './facts/site-facts.ts';
import { writeSiteFiles, type WrittenSite } from './site-directory.ts';
import { siteFiles } from './site-files.ts';

export interface SiteRequest {
  /** Directory of the site: new, empty, or a site that was written before. */
  out: string;
  /** To read the histories of tags from their registries; without it the site tells what the state remembers. */
  access?: RegistryAccess | undefined;
  /** Whether the repositories of the recipes are asked for advisories; offline, their cached metadata is. */
  advisories: boolean;
  /** Paths or names of recipes, beside those in recipes/ that are named as images. */
  recipes: readonly string[];
}

export interface SiteReport extends WrittenSite {
  images: number;
  tags: number;
  nights: number;
  /** Tags whose history could not be read or verified. */
  problems: { reference: string; code: string }[];
}

/**
 * Throws OUTPUT_UNUSABLE, PLACE_UNSAFE, DISK_FULL, STATE_INVALID, KEY_FILE_INVALID, and what reading recipes and opening
 * repositories throws.
 */
export async function writeSite(context: StateContext, request: SiteRequest): Promise<SiteReport> {
  const facts = await gatherFacts(context, request);
  const written = await writeSiteFiles(request.out, siteFiles(facts), context.signal);
  const { images, tags, nights } = facts;
  return {
    ...written,
    images: images.length,
    tags: tags.length,
    nights: nights.length,
    problems: tags.flatMap(({ reference, problem }) => (problem ? [{ reference, code: problem.code }] : [])),
  };
}

async function gatherFacts(
  context: StateContext,
  { access, advisories, recipes }: SiteRequest,
): Promise<SiteFacts> {
  const { state, signal } = context;
  if (access) await requirePemKey(access.key, signal);
  const [images, nights] = [await gatherImages(state), await gatherNights(state)];
  // Without a question for their repositories, a recipe that lies in recipes/ by chance may be as broken as it likes.
  const chains = await readChains(advisories ? images : [], recipes);
  await gatherLocks(state, images, chains);
  const unasked = advisories ? await gatherAdvisories(context, images, chains) : [];
  const tags = await gatherTags(context, { images, nights }, access);
  const sources = { isRegistryRead: access !== undefined, isAdvisoryRead: advisories, unasked };
  return { images, nights, tags, sources };
}
