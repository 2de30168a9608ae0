/** A repository as a recipe names it, opened: its packages' metadata verified and at hand for the solver. */
import { access, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { MillinerError } from '../errors.ts';
import { fetchBytes } from '../host/http.ts';
import type { Progress } from '../host/progress.ts';
import type { TrustedKey } from '../rpm/keys.ts';
import { obtain, type Source } from './cache.ts';
import { expandGroups, readComps, type Comps, type GroupMember } from './comps.ts';
import { listPackages } from './directory.ts';
import { baseUrl, basesOf, below, directoryOf, substitute, type Variables } from './location.ts';
import { parseMetalink, parseMirrorlist, vouchesFor, type Metalink } from './metalink.ts';
import { parseRepomd, type MetadataFile, type MetadataType } from './repomd.ts';

export interface RepositoryDefinition {
  name: string;
  /** Exactly one of the three. A baseurl is http(s)://, file:// or a directory. */
  baseurl?: string | undefined;
  metalink?: string | undefined;
  mirrorlist?: string | undefined;
  /** The only keys that count for it. */
  keys: readonly TrustedKey[];
  exclude: readonly string[];
  gpgcheck: boolean;
  /** As in dnf: the lower number wins; default 99. */
  priority?: number | undefined;
  /** As in dnf: of what two repositories of one priority both have, the one with the lower cost gives it; default 1000. */
  cost?: number | undefined;
}

export interface OpenOptions extends Variables {
  progress: Progress;
  signal?: AbortSignal | undefined;
}

interface Opened {
  name: string;
  definition: RepositoryDefinition;
  /** Base URLs, best first. */
  bases: readonly URL[];
  /**
   * URLs of a package, best mirror first, from the location and xml:base that its metadata gives.
   * Throws REPO_INVALID where they lead out of the repository.
   */
  packageUrls(location: string, xmlBase: string): string[];
}

export interface MetadataRepository extends Opened {
  kind: 'repomd';
  /** Path of the verified file. */
  primary: string;
  /** Fetched when first asked for; undefined where the repository has none. */
  filelists(): Promise<string | undefined>;
  comps(): Promise<Comps | undefined>;
  updateinfo(): Promise<string | undefined>;
}

export interface DirectoryRepository extends Opened {
  kind: 'rpms';
  /** Paths of all .rpm files, sorted. */
  files: readonly string[];
}

export type OpenedRepository = MetadataRepository | DirectoryRepository;

const maxRepomd = 16 * 1024 * 1024;
const maxList = 16 * 1024 * 1024;
const repomdPath = 'repodata/repomd.xml';

/** What every way of opening needs. */
interface Context extends OpenOptions {
  name: string;
  definition: RepositoryDefinition;
  cacheDir: string;
}

/**
 * Opens a repository; metadata is kept in cacheDir by checksum.
 * Throws REPO_UNAVAILABLE, REPO_INVALID, DIGEST_MISMATCH, RECIPE_INVALID ($releasever without a release).
 */
export async function openRepository(
  definition: RepositoryDefinition,
  cacheDir: string,
  options: OpenOptions,
): Promise<OpenedRepository> {
  const { name, baseurl, metalink, mirrorlist } = definition;
  const context: Context = { ...options, name, definition, cacheDir };
  const fill = (text: string) => substitute(text, options, name);
  if (metalink !== undefined) return openMetalink(context, fill(metalink));
  if (mirrorlist !== undefined) return openMirrorlist(context, fill(mirrorlist));
  if (baseurl === undefined) throw new MillinerError('RECIPE_INVALID', `repository ${name} has no URL`);
  const base = baseUrl(fill(baseurl));
  const directory = directoryOf(base);
  return directory === undefined ? openRemote(context, [base]) : openLocal(context, base, directory);
}

async function openMetalink(context: Context, url: string): Promise<OpenedRepository> {
  const document = await fetchBytes(url, { maxBytes: maxList, signal: context.signal });
  const metalink = parseMetalink(document.toString('utf8'), `metalink of repository ${context.name}`);
  const mirrors = metalink.urls.map((mirror) => baseUrl(mirror.slice(0, -repomdPath.length)));
  return openRemote(context, mirrors, metalink);
}

async function openMirrorlist(context: Context, url: string): Promise<OpenedRepository> {
  const document = await fetchBytes(url, { maxBytes: maxList, signal: context.signal });
  const mirrors = parseMirrorlist(document.toString('utf8'), `mirror list of repository ${context.name}`);
  return openRemote(
    context,
    mirrors.map((mirror) => baseUrl(substitute(mirror, context, context.name))),
  );
}

async function openLocal(context: Context, base: URL, directory: string): Promise<OpenedRepository> {
  const { name, definition } = context;
  await access(`${directory}/`).catch((cause: unknown) => {
    throw new MillinerError('REPO_UNAVAILABLE', `repository ${name}: no directory at ${directory}`, {
      cause,
    });
  });
  const repomd = join(directory, repomdPath);
  const found = await stat(repomd).catch(() => undefined);
  if (!found) {
    return {
      kind: 'rpms',
      name,
      definition,
      bases: [base],
      files: await listPackages(directory, name),
      packageUrls: (location) => [pathToFileURL(location).href],
    };
  }
  if (found.size > maxRepomd) {
    throw new MillinerError('REPO_INVALID', `${repomd} is larger than ${maxRepomd} bytes`);
  }
  return withMetadata(context, [base], await readFile(repomd), repomd);
}

async function openRemote(context: Context, bases: URL[], metalink?: Metalink): Promise<OpenedRepository> {
  const { repomd, from } = await fetchRepomd(context, bases, metalink);
  // The mirror that answered is the one whose metadata we hold: it is asked first from now on.
  const order = [from, ...bases.filter((base) => base !== from)];
  return withMetadata(context, order, repomd, `repomd.xml of repository ${context.name}`);
}

async function fetchRepomd(
  { name, signal }: Context,
  bases: readonly URL[],
  metalink: Metalink | undefined,
): Promise<{ repomd: Buffer; from: URL }> {
  let last: unknown;
  // Of many mirrors one that fails is passed over at once; a single one deserves patience.
  const patience = bases.length > 1 ? { rounds: 1 } : {};
  for (const base of bases) {
    try {
      const url = below(base, repomdPath, name).href;
      const repomd = await fetchBytes(url, { maxBytes: maxRepomd, signal, ...patience });
      if (!metalink || vouchesFor(metalink, repomd)) return { repomd, from: base };
      last = new MillinerError(
        'DIGEST_MISMATCH',
        `${base.host} has another repomd.xml than the metalink states`,
      );
    } catch (error) {
      if (error instanceof MillinerError && error.code === 'INTERRUPTED') throw error;
      last = error;
    }
  }
  throw last;
}

async function withMetadata(
  { name, definition, cacheDir, progress, signal }: Context,
  bases: URL[],
  repomd: Buffer,
  file: string,
): Promise<MetadataRepository> {
  const get = lazily({ name, bases, cacheDir, progress, signal }, parseRepomd(repomd.toString('utf8'), file));
  const primary = await get('primary');
  if (primary === undefined) throw new MillinerError('REPO_INVALID', `${file} lists no primary metadata`);
  return {
    kind: 'repomd',
    name,
    definition,
    bases,
    primary,
    packageUrls: (location, xmlBase) =>
      basesOf(bases, xmlBase, name).map((base) => below(base, location, name).href),
    filelists: () => get('filelists'),
    comps: async () => {
      const path = await get('group_gz', 'group_zst', 'group', 'group_xz');
      return path === undefined ? undefined : readComps(path);
    },
    updateinfo: () => get('updateinfo'),
  };
}

/** Fetches the first of the types that is there, once. */
function lazily(source: Source, entries: ReadonlyMap<MetadataType, MetadataFile>) {
  const paths = new Map<MetadataType, Promise<string>>();
  return async (...types: MetadataType[]): Promise<string | undefined> => {
    const type = types.find((candidate) => entries.has(candidate));
    const entry = type && entries.get(type);
    if (!entry) return undefined;
    const path = paths.get(type) ?? obtain(source, type, entry);
    paths.set(type, path);
    return path;
  };
}

/** Members of the groups that the words name, from the comps of all repositories; see expandGroups. */
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
