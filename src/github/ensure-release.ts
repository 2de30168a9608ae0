/**
 * One release as it is to be: what is there is compared, and only what differs is written. Files are uploaded to a draft,
 * and watchers are told once all of it is there; a run that was cut off is completed by the next.
 */
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { MillinerError } from '../lib/errors/error.ts';
import { uploadsUrl } from './connect.ts';
import type { Github } from './github-api.ts';
import { sameText } from './same-text.ts';

export interface ReleaseAsset {
  name: string;
  contentType: string;
  content: Buffer;
}

export interface Release {
  tag: string;
  /** The commit that the tag gets where there is none yet; undefined: that of the default branch. */
  commit: string | undefined;
  title: string;
  body: string;
  assets: readonly ReleaseAsset[];
}

const assetSchema = z.object({
  id: z.int(),
  name: z.string().max(1000),
  /** `starter` is an upload that was cut off. */
  state: z.string().max(100),
  size: z.int().nonnegative(),
  /** Older servers do not tell it. */
  digest: z.string().max(200).nullish(),
});
const releaseSchema = z.object({
  id: z.int(),
  tag_name: z.string().max(1000),
  name: z.string().max(1000).nullable(),
  body: z.string().nullish(),
  draft: z.boolean(),
  html_url: z.url().max(4096),
});
type Found = z.infer<typeof releaseSchema>;
type FoundAsset = z.infer<typeof assetSchema>;

const maxAssets = 1000;
/** Drafts have no tag to be found by, but are among the newest. */
const draftPages = 3;

/** Returns the page of the release. */
export async function ensureRelease(github: Github, wanted: Release): Promise<string> {
  const there = await findRelease(github, wanted.tag);
  const release = there ?? (await createDraft(github, wanted));
  await ensureAssets(github, release, wanted.assets);
  const isSame = release.name === wanted.title && sameText(release.body, wanted.body) && !release.draft;
  if (isSame) return release.html_url;
  const changed = await github.ask(releaseSchema, ({ rest }, at) =>
    rest.repos.updateRelease({
      ...at,
      release_id: release.id,
      name: wanted.title,
      body: wanted.body,
      draft: false,
    }),
  );
  return changed.html_url;
}

async function findRelease(github: Github, tag: string): Promise<Found | undefined> {
  const published = await github.find(releaseSchema, ({ rest }, at) =>
    rest.repos.getReleaseByTag({ ...at, tag }),
  );
  if (published) return published;
  for (let page = 1; page <= draftPages; page++) {
    const found = await github.ask(z.array(releaseSchema).max(100), ({ rest }, at) =>
      rest.repos.listReleases({ ...at, per_page: 100, page }),
    );
    const draft = found.find((one) => one.draft && one.tag_name === tag);
    if (draft || found.length < 100) return draft;
  }
  return undefined;
}

async function createDraft(github: Github, { tag, commit, title, body }: Release): Promise<Found> {
  return github.ask(releaseSchema, ({ rest }, at) =>
    rest.repos.createRelease({
      ...at,
      tag_name: tag,
      ...(commit !== undefined && { target_commitish: commit }),
      name: title,
      body,
      draft: true,
    }),
  );
}

/** Files of other names stay: people may have added them. */
async function ensureAssets(github: Github, { id }: Found, wanted: readonly ReleaseAsset[]): Promise<void> {
  if (wanted.length === 0) return;
  const route = '/repos/{owner}/{repo}/releases/{release_id}/assets';
  const there = await github.list(assetSchema, route, { release_id: id }, maxAssets);
  for (const asset of wanted) {
    const found = there.find(({ name }) => name === asset.name);
    if (found && isSameAsset(found, asset)) continue;
    // GitHub refuses a second file of one name.
    if (found)
      await github.answer(({ rest }, at) => rest.repos.deleteReleaseAsset({ ...at, asset_id: found.id }));
    await upload(github, id, asset);
  }
}

function isSameAsset({ state, size, digest }: FoundAsset, { content }: ReleaseAsset): boolean {
  if (state !== 'uploaded' || size !== content.length) return false;
  return digest === undefined || digest === null || digest === `sha256:${sha256(content)}`;
}

const sha256 = (content: Buffer) => createHash('sha256').update(content).digest('hex');

async function upload(github: Github, id: number, asset: ReleaseAsset): Promise<void> {
  const { name, contentType, content } = asset;
  const uploaded = await github.ask(assetSchema, ({ rest, request }, at) =>
    rest.repos.uploadReleaseAsset({
      ...at,
      baseUrl: uploadsUrl(request.endpoint.DEFAULTS.baseUrl),
      release_id: id,
      name,
      // The types know texts alone.
      data: content as unknown as string,
      headers: { 'content-type': contentType },
    }),
  );
  if (uploaded.size !== content.length)
    throw new MillinerError(
      'GITHUB_INVALID',
      `${name}: GitHub has stored ${uploaded.size} of ${content.length} bytes`,
    );
}
