/** The files that an accepted repomd.xml lists, fetched when they are asked for; of several mirrors the first that can. */
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
  /** With what its packages are asked for. */
  access: Access;
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
  /** Bytes that the files unpack to, where repomd.xml says so: more than that is no honest file. */
  openSizes?: { primary: number | undefined; filelists: number | undefined };
  /** Fetched when first asked for; undefined where the repository has none. */
  filelists(): Promise<string | undefined>;
  comps(): Promise<Comps | undefined>;
  modules(): Promise<Modules | undefined>;
  updateinfo(): Promise<string | undefined>;
}

/** What is wrong with one mirror alone, perhaps. */
const mirrorErrors: readonly ErrorCode[] = [
  'REPO_UNAVAILABLE',
  'OFFLINE_MISSING',
  'DIGEST_MISMATCH',
  'REPO_INVALID',
  'ADDRESS_REFUSED',
  'METADATA_UNTRUSTED',
  'METADATA_OLDER',
];
/** Of those, what somebody should look into. */
const suspiciousErrors: readonly ErrorCode[] = ['ADDRESS_REFUSED', 'METADATA_UNTRUSTED', 'METADATA_OLDER'];

interface Failure {
  base: URL;
  error: MillinerError;
}

/**
 * Whatever is wrong with a mirror, the next is asked, until the metadata of one holds. Throws, where that of none
 * does, what says most of why, with all of it in the details.
 */
export async function openMirrors(
  opening: Opening,
  bases: readonly URL[],
  metalink?: Metalink,
): Promise<MetadataRepository> {
  const failures: Failure[] = [];
  const broken = new Set<string>();
  // Of many mirrors one that fails is passed over at once; a single one deserves patience.
  const retries = bases.length > 1 ? { rounds: 1 } : {};
  for (const base of bases) {
    try {
      const accepted = await acceptFrom(opening, base, metalink, retries);
      const digest = createHash('sha256').update(accepted.bytes).digest('hex');
      // All mirrors were asked for the files of this state already.
      if (broken.has(digest)) continue;
      broken.add(digest);
      // The mirror that answered is the one whose metadata we hold: it is asked first from now on.
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

/** Metadata that was refused says more than a server that was not there. */
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

/** Counts as opened, and as seen, once its primary is there and verified. */
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

/** Fetches the first of the types that is there, once. */
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
