/** Opens repositories: verifies their metadata and prepares it for the solver. */
import { existsSync } from 'node:fs';
import { access as canAccess } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { MillinerError } from '../../lib/errors/error.ts';
import { isBeneath, placeBeneath } from '../../lib/host/beneath.ts';
import { isWeak } from '../../lib/host/checksum.ts';
import { readKeys } from '../../lib/rpm/keys.ts';
import { acceptLocal, repomdPath, type Opening } from './accept.ts';
import { expandGroups, type GroupMember } from './comps.ts';
import { placesOf, type OpenOptions, type RepositoryDefinition } from './definition.ts';
import { fetchDocument } from './documents.ts';
import { baseUrl, directoryOf, substitute } from './location.ts';
import { openMirrors, withMetadata, type MetadataRepository, type Opened } from './metadata.ts';
import { parseMetalink, parseMirrorlist } from './metalink.ts';
import type { Modules } from './modules.ts';
import { accessOf } from './repository-access.ts';
import { listPackages } from './rpm-directory.ts';
import { authorityOf } from './vouching.ts';

export type { OpenOptions, RepositoryDefinition } from './definition.ts';

interface DirectoryRepository extends Opened {
  kind: 'rpms';
  /** Paths of all .rpm files, sorted. */
  files: readonly string[];
}

export type OpenedRepository = MetadataRepository | DirectoryRepository;

const maxList = 16 * 1024 * 1024;

/**
 * Opens a repository. Metadata is cached in cacheDir, files by checksum, and fetched again only if it has changed.
 * Throws REPO_UNAVAILABLE, REPO_INVALID, DIGEST_MISMATCH, METADATA_UNTRUSTED, METADATA_OLDER, OFFLINE_MISSING,
 * KEY_INVALID, CREDENTIALS_INVALID, RECIPE_INVALID ($releasever without a release).
 */
export async function openRepository(
  definition: RepositoryDefinition,
  cacheDir: string,
  options: OpenOptions,
): Promise<OpenedRepository> {
  const { name, metalink, mirrorlist, keys } = definition;
  const { offline, seenDir, allowOlder = false } = options;
  const places = placesOf(definition).map((one) => substitute(one, options, name));
  const place = places.join(' ');
  const access = { ...(await accessOf(definition, options)), offline };
  const memory = seenDir !== undefined && {
    directory: seenDir,
    place,
    authority: await authorityOf(definition, access),
    allowOlder,
  };
  const opening: Opening = {
    ...options,
    name,
    definition,
    cacheDir,
    access,
    memory: memory || undefined,
  };
  // Reports a missing key before anything is fetched that the key should verify.
  if (keys.some(({ fingerprint }) => fingerprint !== undefined)) await readKeys(keys, options);
  if (metalink !== undefined) return openMetalink(opening, place);
  if (mirrorlist !== undefined) return openMirrorlist(opening, place);
  const bases = await Promise.all(places.map((one) => withinRoot(baseUrl(one), definition.root)));
  const [base, ...others] = bases;
  if (base === undefined) throw new MillinerError('RECIPE_INVALID', `repository ${name} has no URL`);
  const local = others.length === 0 && directoryOf(base) !== undefined;
  return local ? openLocal(opening, base) : openMirrors(opening, bases);
}

/** The URL without links, if it must not leave a root. Throws FILE_OUTSIDE. */
async function withinRoot(base: URL, root: string | undefined): Promise<URL> {
  const directory = directoryOf(base);
  if (root === undefined || directory === undefined || !isBeneath(root, directory)) return base;
  return baseUrl((await placeBeneath(root, directory)) ?? directory);
}

async function openMetalink(opening: Opening, url: string): Promise<OpenedRepository> {
  const what = `metalink of repository ${opening.name}`;
  const metalink = await readList(opening, url, what, parseMetalink);
  if (metalink.versions.some(({ checksum }) => isWeak(checksum))) {
    opening.progress.warn(`the ${what} vouches for repomd.xml with a weak checksum only`);
  }
  const bases = metalink.urls.map((mirror) => baseUrl(mirror.slice(0, -repomdPath.length)));
  return openMirrors(opening, bases, metalink);
}

async function openMirrorlist(opening: Opening, url: string): Promise<OpenedRepository> {
  const mirrors = await readList(opening, url, `mirror list of repository ${opening.name}`, parseMirrorlist);
  return openMirrors(
    opening,
    mirrors.map((mirror) => baseUrl(substitute(mirror, opening, opening.name))),
  );
}

async function readList<T>(
  { cacheDir, signal, access }: Opening,
  url: string,
  what: string,
  parse: (document: string, file: string) => T,
): Promise<T> {
  const document = await fetchDocument(url, what, cacheDir, { maxBytes: maxList, signal, access });
  const parsed = parse(document.bytes.toString('utf8'), what);
  await document.commit();
  return parsed;
}

async function openLocal(opening: Opening, base: URL): Promise<OpenedRepository> {
  const { name, definition, access } = opening;
  const directory = directoryOf(base)!;
  await canAccess(`${directory}/`).catch((cause: unknown) => {
    throw new MillinerError('REPO_UNAVAILABLE', `repository ${name}: no directory at ${directory}`, {
      cause,
    });
  });
  const repomd = join(directory, repomdPath);
  if (existsSync(repomd)) return withMetadata(opening, [base], await acceptLocal(opening, repomd));
  if (definition.repoGpgcheck) {
    throw new MillinerError(
      'METADATA_UNTRUSTED',
      `repository ${name}: ${directory} is a plain directory, without metadata that could be signed`,
    );
  }
  return {
    kind: 'rpms',
    name,
    definition,
    access,
    bases: [base],
    files: await listPackages(directory, name, definition.root),
    packageUrls: (location) => [pathToFileURL(location).href],
  };
}

/** Members of the groups that the words name, with the comps of all repositories; see expandGroups. */
export async function groupMembers(
  repositories: readonly OpenedRepository[],
  words: readonly string[],
  arch: string,
): Promise<GroupMember[]> {
  if (words.length === 0) return [];
  const read = await Promise.all(
    repositories.map(async (repository) => (repository.kind === 'repomd' ? repository.comps() : undefined)),
  );
  const comps = read.filter((found) => found !== undefined);
  return expandGroups(comps, words, arch);
}

/** The modules of all repositories that have some. */
export async function modulesOf(repositories: readonly OpenedRepository[]): Promise<Modules[]> {
  const read = repositories.map(async (one) => (one.kind === 'repomd' ? one.modules() : undefined));
  return (await Promise.all(read)).filter((found) => found !== undefined);
}
