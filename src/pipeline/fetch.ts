/** Brings the packages of a lock into the content store; each counts only once its digest and size hold. */
import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Digest } from '../content/digest.ts';
import { MillinerError } from '../errors.ts';
import { fileMatches } from '../host/checksum.ts';
import { download } from '../host/http.ts';
import { inParallel } from '../host/parallel.ts';
import type { LockedPackage } from '../lock/lock.ts';
import type { SolvedPackage } from '../solve/solve.ts';
import type { Context } from './context.ts';

/** Enough to hide latency, few enough to be a polite client. */
const parallel = 6;
const largestPackage = 16 * 1024 ** 3;

/** Gives the path of each package's verified file, by sha256. */
export async function fetchPackages(
  context: Context,
  packages: LockedPackage[],
  lockDirectory: string,
): Promise<Map<string, string>> {
  const wanted = [...new Map(packages.map((one) => [one.sha256, one])).values()];
  let done = 0;
  const paths = await inParallel(wanted, parallel, context.signal, async (one, signal) => {
    const path = await fetchOne({ ...context, signal }, one, lockDirectory);
    context.progress.update('fetching packages', ++done, wanted.length);
    return [one.sha256, path] as const;
  });
  return new Map(paths);
}

async function fetchOne(context: Context, one: LockedPackage, lockDirectory: string): Promise<string> {
  const digest: Digest = `sha256:${one.sha256}`;
  const { content } = context;
  if (await content.has(digest)) return content.use(digest);
  const local = localPath(one.url, lockDirectory);
  const expected = { digest, size: one.size, what: `${one.nevra} from ${one.url}` };
  if (local !== undefined) {
    const found = await stat(local).catch(() => undefined);
    if (!found) {
      throw new MillinerError('REPO_UNAVAILABLE', `${one.nevra}: there is no ${local}`, {
        details: { package: one.nevra },
      });
    }
    await content.ingestFile(local, expected);
  } else {
    const folder = join(context.state, 'downloads');
    await mkdir(folder, { recursive: true });
    const file = join(folder, one.sha256);
    await download(one.url, file, {
      checksum: { type: 'sha256', value: one.sha256 },
      size: one.size,
      maxBytes: largestPackage,
      signal: context.signal,
    });
    await content.ingestFile(file, { ...expected, consume: true });
  }
  return content.use(digest);
}

/** The SHA-256 of each package: of one that its repository vouches for otherwise, the file itself has to tell. */
export async function sha256Of(context: Context, packages: SolvedPackage[]): Promise<string[]> {
  return inParallel(packages, parallel, context.signal, async (one, signal) =>
    one.checksum.type === 'sha256' ? one.checksum.value : fetchForSha256({ ...context, signal }, one),
  );
}

async function fetchForSha256(
  context: Context,
  { url, mirrors, size, checksum, name }: SolvedPackage,
): Promise<string> {
  const local = url.startsWith('file://') ? fileURLToPath(url) : undefined;
  const file = local ?? join(context.state, 'downloads', checksum.value);
  if (local === undefined) {
    await mkdir(join(context.state, 'downloads'), { recursive: true });
    await download([url, ...mirrors], file, {
      checksum,
      size,
      maxBytes: largestPackage,
      signal: context.signal,
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

/** A lock may name files relative to itself, so that a checkout can lie anywhere. */
function localPath(url: string, lockDirectory: string): string | undefined {
  if (url.startsWith('file://')) return fileURLToPath(url);
  return /^[a-z][a-z0-9+.-]*:/i.test(url) ? undefined : join(lockDirectory, url);
}
