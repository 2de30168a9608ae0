/** Input and output of native/solver/solv.cc: plain data, copied in both directions. */
import { createReadStream } from 'node:fs';
import { returnGarbage } from '../../lib/host/memory.ts';
import { native } from '../../lib/host/native.ts';
import { forgetBetweenJobs } from '../../lib/host/process-memory.ts';
import { endsInFrame } from '../../lib/host/zstd.ts';
import type { ModuleFilter } from './module-filter.ts';

export interface AddonRepository {
  name: string;
  /** As in dnf: the lower number is preferred. */
  priority: number;
  /** As in dnf: between repositories of one priority, the lower number is preferred. */
  cost: number;
  kind: 'repomd' | 'rpms';
  exclude: readonly string[];
  /** As dnf's includepkgs: only these packages of the repository may be chosen; empty: all. */
  include: readonly string[];
  moduleHotfixes: boolean;
  /** repomd: path of the fetched file, and the maximum of its decompressed bytes. */
  primary?: string;
  primaryLimit?: number;
  filelists?: string | undefined;
  filelistsLimit?: number;
  /** Cached forms, which are read instead. */
  primarySolv?: string | undefined;
  filelistsSolv?: string | undefined;
  /** Paths at which to cache what is read; no file exists there yet. */
  cachePrimary?: string | undefined;
  cacheFilelists?: string | undefined;
  /** rpms: paths of packages. */
  files?: readonly string[];
}

export interface AddonInput {
  arch: string;
  repos: readonly AddonRepository[];
  /** All available file lists are given: solve without asking for more. */
  filelistsGiven: boolean;
  /** Paths of the installed .rpm files; in a session also sha256:HEX of packages that a repository has. */
  installed: readonly string[];
  /** Paths of .rpm files that the last lock of the same request has; they count as installed. */
  kept?: readonly string[];
  /** Names among the kept packages to update. */
  update?: readonly string[];
  install: readonly string[];
  members: readonly { name: string; onlyWith?: string }[];
  exclude: readonly string[];
  pins: readonly { name: string; evr: string }[];
  modules?: Pick<ModuleFilter, 'shown' | 'hidden' | 'names'>;
  weakDeps: boolean;
  best: boolean;
  /** Whether to return `reasons`. */
  explain: boolean;
  /** A word as in `install`, to return `whyNot` for it. */
  whyNot?: string | undefined;
}

export interface AddonPackage {
  /** Empty for an installed package. */
  repo: string;
  name: string;
  epoch: number;
  version: string;
  release: string;
  arch: string;
  location: string;
  /** The metadata's xml:base, usually empty. */
  base: string;
  /** Unknown for .rpm files, of which only headers are read: 0, and an empty checksum. */
  size: number;
  checksum: { type: string; value: string };
  sourceRpm: string;
  buildTime: number;
}

export interface AddonReason {
  kind: 'asked' | 'requires' | 'recommends' | 'supplements' | 'replaces' | 'other';
  /** NEVRA. */
  by?: string;
  dependency?: string;
}

export interface AddonAbsence {
  kind: 'present' | 'unknown' | 'excluded' | 'version' | 'replaced' | 'refused' | 'weak' | 'unneeded';
  detail: string;
  by: string[];
  dependency: string;
  candidates: AddonPackage[];
  problems: string[][];
}

export interface AddonOutput {
  solved: boolean;
  /** Nothing was solved: the answer may depend on a file dependency, which needs file lists. */
  needsFilelists: boolean;
  packages: AddonPackage[];
  /** One for each package, in their order; empty unless requested. */
  reasons: AddonReason[];
  whyNot?: AddonAbsence;
  removed: AddonPackage[];
  /** The cache files that were written completely. */
  cached: string[];
  skipped: string[];
  /** One entry for each problem: the lines that explain it together. */
  problems: string[][];
  /** Of a session: digests of installed packages that no repository has; then nothing was solved. */
  missing?: string[];
  /** Set if a file is invalid; then no other field is set. */
  badFile?: string;
  reason?: string;
}

declare module '../../lib/host/native.ts' {
  interface Native {
    /** libsolv's answer, computed in the thread pool. */
    solve(input: AddonInput): Promise<AddonOutput>;
    /** The same with a pool that stays loaded for the next call; one call at a time. */
    solveInSession(input: AddonInput): Promise<AddonOutput>;
  }
}

/** Compressed documents that a session has checked; their names contain their checksums. */
const wholeFiles = new Set<string>();
forgetBetweenJobs(() => wholeFiles.clear());

let hasReturned = false;

/** Invalid files are not thrown, but reported in `badFile`. */
export async function solveNatively(
  input: AddonInput,
  call: 'solve' | 'solveInSession' = 'solve',
): Promise<AddonOutput> {
  for (const { primary, primarySolv, filelists, filelistsSolv } of input.repos) {
    for (const file of [primarySolv ?? primary, filelistsSolv ?? filelists]) {
      // libsolv 0.7.23 waits forever for the rest of a frame whose header is cut short.
      if (!file?.endsWith('.zst') || (call === 'solveInSession' && wholeFiles.has(file))) continue;
      if (await endsInFrame(createReadStream(file))) return refused(file, 'its compressed data is cut short');
      wholeFiles.add(file);
    }
  }
  const readsXml = input.repos.some(
    ({ primary, primarySolv }) => primary !== undefined && primarySolv === undefined,
  );
  // libsolv needs more memory to read XML than the rest of the process does. A session reads it for its first request.
  if (readsXml && !hasReturned) returnGarbage();
  hasReturned ||= readsXml;
  return native()[call](input);
}

function refused(badFile: string, reason: string): AddonOutput {
  const nothing = { packages: [], removed: [], cached: [], skipped: [], problems: [], reasons: [] };
  return { solved: false, needsFilelists: false, ...nothing, badFile, reason };
}
