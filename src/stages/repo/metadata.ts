/** Fetches the files that a verified repomd.xml lists, when they are needed, from the first mirror that has them. */
import { createHash } from 'node:crypto';
import { MillinerError, type ErrorCode } from '../../lib/errors/error.ts';
import type { Access } from '../../lib/http/access.ts';
import { acceptFrom, type Accepted, type Opening } from './accept.ts';
import { obtain, type Source } from './cache.ts';
import { readComps, type Comps } from './comps.ts';
import type { RepositoryDefinition } from './definition.ts';
import { basesOf, packageBelow } from './location.ts';
import type { Metalink } from './metalink.ts';
import { readModules, type Modules } from './modules.ts';
import { recordSeen } from './replay-guard.ts';
import type { MetadataFile, MetadataType } from './repomd.ts';

export interface Opened {
  name: string;
  definition: RepositoryDefinition;
  /** Settings for requests of its packages. */
  access: Access;
  /** Base URLs, best first. */
  bases: readonly URL[];
  /**
   * URLs of a package, best mirror first, from location and xml:base in its metadata. Throws REPO_INVALID if they are
   * outside of the repository.
   */
  packageUrls(location: string, xmlBase: string): string[];
}

export interface MetadataRepository extends Opened {
  kind: 'repomd';
  /** Path of the verified file. */
  primary: string;
  /** Decompressed bytes, if repomd.xml lists them: a file with more is refused. */
  openSizes?: { primary: number | undefined; filelists: number | undefined };
  /** Fetched on the first call; undefined if the repository has none. */
  filelists(): Promise<string | undefined>;
  comps(): Promise<Comps | undefined>;
  modules(): Promise<Modules | undefined>;
  updateinfo(): Promise<string | undefined>;
}

/** Errors that may concern a single mirror, most informative last. */
const mirrorErrors: readonly ErrorCode[] = [
  'REPO_UNAVAILABLE',
  'OFFLINE_MISSING',
  'DIGEST_MISMATCH',
  'REPO_INVALID',
  'ADDRESS_REFUSED',
  'METADATA_UNTRUSTED',
  'METADATA_OLDER',
];
/** Those of them that a user should look into. */
const suspiciousErrors: readonly ErrorCode[] = ['ADDRESS_REFUSED', 'METADATA_UNTRUSTED', 'METADATA_OLDER'];

interface Failure {
  base: URL;
  error: MillinerError;
}

/**
 * Tries mirrors until the metadata of one is valid. If that of none is, throws the most informative error, with all of
 * them in its details.
 */
export async function openMirrors(
  opening: Opening,
  bases: readonly URL[],
  metalink?: Metalink,
): Promise<MetadataRepository> {
  const failures: Failure[] = [];
  const broken = new Set<string>();
  // With many mirrors a failed one is skipped at once; a single one is retried.
  const retries = bases.length > 1 ? { rounds: 1 } : {};
  for (const base of bases) {
    try {
      const accepted = await acceptFrom(opening, base, metalink, retries);
      const digest = createHash('sha256').update(accepted.bytes).digest('hex');
      // All mirrors were already asked for the files of this state.
      if (broken.has(digest)) continue;
      broken.add(digest);
      // The mirror whose metadata was accepted is tried first from now on.
      return await withMetadata(opening, [base, ...bases.filter((other) => other !== base)], accepted);
    } catch (error) {
      if (!(error instanceof MillinerError) || !mirrorErrors.includes(error.code)) throw error;
      failures.push({ base, error });
      if (bases.length > 1) reportFailure(opening, base, error);
    }
  }
  throw worstFailure(failures);
}

function reportFailure({ name, progress }: Opening, base: URL, { code, message }: MillinerError): void {
  const text = `repository ${name}: ${base.host || base.pathname} is skipped: ${message}`;
  if (suspiciousErrors.includes(code)) progress.warn(text);
  else progress.step(text);
}

/** Refused metadata is more informative than an unreachable server. */
function worstFailure(failures: readonly Failure[]): MillinerError {
  const rank = ({ error }: Failure) => mirrorErrors.indexOf(error.code);
  const worst = failures.toSorted((a, b) => rank(b) - rank(a))[0];
  if (!worst) throw new Error('a repository without a mirror');
  if (failures.length === 1) return worst.error;
  const { code, message, hint, details } = worst.error;
  const mirrors = failures.slice(0, 20).map(({ base, error }) => ({
    mirror: base.host || base.pathname,
    code: error.code,
    message: error.message,
  }));
  return new MillinerError(code, message, { cause: worst.error, hint, details: { ...details, mirrors } });
}

/** The metadata is recorded as seen once its primary file is verified. */
export async function withMetadata(
  opening: Opening,
  bases: URL[],
  { repomd, file, isVouchedFor }: Accepted,
): Promise<MetadataRepository> {
  const { name, definition, access, memory } = opening;
  const get = lazyFiles({ ...opening, bases }, repomd.files);
  const primary = await get('primary');
  if (primary === undefined) throw new MillinerError('REPO_INVALID', `${file} lists no primary metadata`);
  if (memory && (isVouchedFor || memory.allowOlder)) await recordSeen(memory, repomd.age);
  const openSize = (type: MetadataType) => repomd.files.get(type)?.openSize;
  return {
    kind: 'repomd',
    name,
    definition,
    access,
    bases,
    primary,
    openSizes: { primary: openSize('primary'), filelists: openSize('filelists') },
    packageUrls: (location, xmlBase) =>
      basesOf(bases, xmlBase, name).map((base) => packageBelow(base, location, name).href),
    filelists: () => get('filelists'),
    comps: async (): Promise<Comps | undefined> => {
      const path = await get('group_gz', 'group_zst', 'group', 'group_xz', 'group_bz2');
      return path === undefined ? undefined : readComps(path);
    },
    modules: async () => {
      const path = await get('modules');
      return path === undefined ? undefined : readModules(path);
    },
    updateinfo: () => get('updateinfo'),
  };
}

/** Fetches the first existing type of these, once. */
function lazyFiles(source: Source, entries: ReadonlyMap<MetadataType, MetadataFile>) {
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
