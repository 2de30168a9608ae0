/** Brings the packages of a lock into the content store; each counts only once its digest and size hold. */
import { mkdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Digest } from '../content/digest.ts';
import { MillinerError } from '../errors.ts';
import { fileMatches } from '../host/checksum.ts';
import { download } from '../host/http.ts';
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
  const queue = [...new Map(packages.map((one) => [one.sha256, one])).values()];
  const found = new Map<string, string>();
  const total = queue.length;
  const stop = new AbortController();
  const signal = context.signal ? AbortSignal.any([context.signal, stop.signal]) : stop.signal;
  const worker = async () => {
    for (let next = queue.shift(); next; next = queue.shift()) {
      signal.throwIfAborted();
      found.set(next.sha256, await fetchOne({ ...context, signal }, next, lockDirectory));
      context.progress.update('fetching packages', found.size, total);
    }
  };
  let failure: unknown;
  const workers = Array.from({ length: parallel }, async () => {
    try {
      await worker();
    } catch (error) {
      failure ??= error;
      // The others are of no use without this one, and must not write on after we have left.
      stop.abort();
    }
  });
  await Promise.all(workers);
  if (failure !== undefined) throw failure;
  return found;
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

/** Fetches a package that its repository vouches for with another checksum; gives its SHA-256. */
export async function fetchForSha256(
  context: Context,
  { url, size, checksum, name }: Pick<SolvedPackage, 'url' | 'size' | 'checksum' | 'name'>,
): Promise<string> {
  const local = url.startsWith('file://') ? fileURLToPath(url) : undefined;
  const file = local ?? join(context.state, 'downloads', checksum.value);
  if (local === undefined) {
    await mkdir(join(context.state, 'downloads'), { recursive: true });
    await download(url, file, { checksum, size, maxBytes: largestPackage, signal: context.signal });
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
