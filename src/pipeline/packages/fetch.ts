/** Brings the packages of a lock into the content store; each counts only once its digest and size hold. */
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { MillinerError } from '../../lib/errors/error.ts';
import { placeBeneath, rootOf } from '../../lib/host/beneath.ts';
import { fileMatches } from '../../lib/host/checksum.ts';
import { statIfThere } from '../../lib/host/files.ts';
import { inParallel } from '../../lib/host/parallel.ts';
import type { Access } from '../../lib/http/access.ts';
import { download } from '../../lib/http/download.ts';
import { isConfined } from '../../lib/http/reach.ts';
import type { Digest } from '../../lib/oci/digest.ts';
import type { LockedPackage } from '../../stages/lock/lock-file.ts';
import type { LoadedRecipe } from '../../stages/recipe/load.ts';
import { directoryOf } from '../../stages/repo/location.ts';
import type { SolvedPackage } from '../../stages/solve/solve.ts';
import type { StateContext } from '../state/context.ts';
import { fallbackUrls, type FallbackUrls } from './fallback-urls.ts';
import { accessTo } from './repositories.ts';

/** Enough to hide latency, few enough to be a polite client. */
const parallel = 6;
const maxPackageBytes = 16 * 1024 ** 3;

/** Where to look for locked packages. */
interface Places {
  /** What a URL without a scheme is relative to. */
  lockDirectory: string;
  fallbacks: FallbackUrls;
  /** With what the servers of a repository are asked. */
  access: (repository: string) => Promise<Access>;
}

/**
 * Of packages that a recipe's lock has: the path of each one's verified file, by sha256.
 * @param onFetched called for each as soon as it is there
 */
export async function fetchLocked(
  context: StateContext,
  loaded: LoadedRecipe,
  arch: string,
  packages: readonly LockedPackage[],
  onFetched: (sha256: string, path: string) => void = () => {},
): Promise<Map<string, string>> {
  const places: Places = {
    lockDirectory: dirname(loaded.lockPath),
    fallbacks: fallbackUrls(context, loaded, arch),
    access: accessTo(context, loaded.recipe, arch),
  };
  const wanted = [...new Map(packages.map((one) => [one.sha256, one])).values()];
  const moved = new Set<string>();
  let done = 0;
  const paths = await inParallel(wanted, parallel, context.signal, async (one, signal) => {
    const path = await fetchOne({ ...context, signal }, one, places, moved);
    onFetched(one.sha256, path);
    context.progress.update('fetching packages', ++done, wanted.length);
    return [one.sha256, path] as const;
  });
  return new Map(paths);
}

/** `moved`: repositories of which a package was not where the lock has it; the next need not be waited for. */
async function fetchOne(
  context: StateContext,
  one: LockedPackage,
  { lockDirectory, fallbacks: others, access }: Places,
  moved: Set<string>,
): Promise<string> {
  const digest: Digest = `sha256:${one.sha256}`;
  const { content } = context;
  if (await content.has(digest)) return content.use(digest);
  const url = await absoluteUrl(one.url, lockDirectory);
  try {
    const urls = moved.has(one.repo) ? [url, ...(await others(one))] : [url];
    await fetchFrom(context, one, urls, await access(one.repo));
  } catch (error) {
    if (!isFallback(error) || moved.has(one.repo)) throw error;
    // Where the repository itself cannot be asked, what went wrong first is what there is to tell.
    const urls = (await others(one).catch(() => [])).filter((other) => other !== url);
    if (urls.length === 0) throw error;
    moved.add(one.repo);
    await fetchFrom(context, one, urls, await access(one.repo));
  }
  return content.use(digest);
}

function isFallback(error: unknown): boolean {
  const codes = ['REPO_UNAVAILABLE', 'ADDRESS_REFUSED', 'DIGEST_MISMATCH'];
  return error instanceof MillinerError && codes.includes(error.code);
}

async function fetchFrom(
  context: StateContext,
  one: LockedPackage,
  urls: string[],
  access: Access,
): Promise<void> {
  const { content, state, signal } = context;
  const expected = { digest: `sha256:${one.sha256}` as const, size: one.size };
  const local = urls.map(localPath).filter((path) => path !== undefined);
  for (const path of local) {
    if (await statIfThere(path))
      return void (await content.ingestFile(path, { ...expected, what: `${one.nevra} from ${path}` }));
  }
  const remote = urls.filter((url) => localPath(url) === undefined);
  if (remote.length === 0) {
    throw new MillinerError('REPO_UNAVAILABLE', `${one.nevra}: there is no ${local.join(', ')}`, {
      details: { package: one.nevra },
    });
  }
  const folder = join(state, 'downloads');
  await mkdir(folder, { recursive: true });
  const file = join(folder, one.sha256);
  const checksum = { type: 'sha256', value: one.sha256 } as const;
  const expectedFile = { checksum, size: one.size, maxBytes: maxPackageBytes };
  await download(remote, file, { ...expectedFile, signal, access, what: one.nevra });
  await content.ingestFile(file, { ...expected, what: `${one.nevra} from ${one.url}`, consume: true });
}

/** The SHA-256 of each package: of one that its repository vouches for otherwise, the file itself has to tell. */
export async function sha256Of(
  context: StateContext,
  packages: SolvedPackage[],
  accesses: ReadonlyMap<string, Access>,
): Promise<string[]> {
  return inParallel(packages, parallel, context.signal, async (one, signal) =>
    one.checksum.type === 'sha256'
      ? one.checksum.value
      : fetchForSha256({ ...context, signal }, one, accesses.get(one.repo)),
  );
}

async function fetchForSha256(
  context: StateContext,
  { url, mirrors, size, checksum, name }: SolvedPackage,
  access: Access | undefined,
): Promise<string> {
  const local = localPath(url);
  const file = local ?? join(context.state, 'downloads', checksum.value);
  if (local === undefined) {
    await mkdir(join(context.state, 'downloads'), { recursive: true });
    await download([url, ...mirrors], file, {
      checksum,
      size,
      maxBytes: maxPackageBytes,
      signal: context.signal,
      access,
      what: name,
    });
  } else if (!(await fileMatches(local, checksum))) {
    throw new MillinerError(
      'DIGEST_MISMATCH',
      `${name}: ${local} does not have its ${checksum.type} checksum`,
    );
  }
  const { digest } = await context.content.ingestFile(file, {
    size,
    what: url,
    consume: local === undefined,
  });
  return digest.slice('sha256:'.length);
}

function localPath(url: string): string | undefined {
  return URL.canParse(url) ? directoryOf(new URL(url)) : undefined;
}

/**
 * A lock may name files relative to itself, so that a checkout can lie anywhere. A stranger's names none elsewhere.
 * Throws RECIPE_UNTRUSTED, FILE_OUTSIDE.
 */
async function absoluteUrl(url: string, lockDirectory: string): Promise<string> {
  if (/^[a-z][a-z0-9+.-]*:/i.test(url)) {
    if (!isConfined() || localPath(url) === undefined) return url;
    throw new MillinerError('RECIPE_UNTRUSTED', `the lock names a file of the host: ${url}`, {
      details: { url },
    });
  }
  const path = join(lockDirectory, url);
  if (!isConfined()) return pathToFileURL(path).href;
  return pathToFileURL((await placeBeneath(rootOf(join(lockDirectory, 'lock')), path)) ?? path).href;
}
