/** What native/solver/solv.cc takes and gives: plain data, copied on both ways. */
import { createReadStream } from 'node:fs';
import { returnGarbage } from '../../lib/host/memory.ts';
import { native } from '../../lib/host/native.ts';
import { endsInFrame } from '../../lib/host/zstd.ts';
import type { ModuleFilter } from './module-filter.ts';

export interface AddonRepository {
  name: string;
  /** As in dnf: the lower number wins. */
  priority: number;
  /** As in dnf: between repositories of one priority, the lower number wins. */
  cost: number;
  kind: 'repomd' | 'rpms';
  exclude: readonly string[];
  /** As in dnf's includepkgs: of this repository nothing else may be chosen; empty: all. */
  include: readonly string[];
  moduleHotfixes: boolean;
  /** repomd: path of the file as it was fetched, and how many bytes it may unpack to. */
  primary?: string;
  primaryLimit?: number;
  filelists?: string | undefined;
  filelistsLimit?: number;
  /** What was cached of them: read in their place. */
  primarySolv?: string | undefined;
  filelistsSolv?: string | undefined;
  /** Where to cache what is read of them; there is nothing yet. */
  cachePrimary?: string | undefined;
  cacheFilelists?: string | undefined;
  /** rpms: paths. */
  files?: readonly string[];
}

export interface AddonInput {
  arch: string;
  repos: readonly AddonRepository[];
  /** All file lists that can be had are given: solve, and do not ask for more. */
  filelistsGiven: boolean;
  /** Paths of the .rpm files that are installed already. */
  installed: readonly string[];
  /** Paths of .rpm files: installed as well, by the last answer to the same question. */
  kept?: readonly string[];
  /** Names of kept packages. */
  update?: readonly string[];
  install: readonly string[];
  members: readonly { name: string; onlyWith?: string }[];
  exclude: readonly string[];
  pins: readonly { name: string; evr: string }[];
  modules?: Pick<ModuleFilter, 'shown' | 'hidden' | 'names'>;
  weakDeps: boolean;
  best: boolean;
  /** Give `reasons`. */
  explain: boolean;
  /** A word as in `install`; gives `whyNot`. */
  whyNot?: string | undefined;
}

export interface AddonPackage {
  /** Empty where the package is an installed one. */
  repo: string;
  name: string;
  epoch: number;
  version: string;
  release: string;
  arch: string;
  location: string;
  /** The metadata's xml:base, mostly empty. */
  base: string;
  /** Not known of .rpm files, of which only headers are read: 0, and an empty checksum. */
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

export interface AddonWhyNot {
  kind: 'present' | 'unknown' | 'excluded' | 'version' | 'replaced' | 'refused' | 'weak' | 'unneeded';
  detail: string;
  by: string[];
  dependency: string;
  candidates: AddonPackage[];
  problems: string[][];
}

export interface AddonOutput {
  solved: boolean;
  /** Nothing was solved: a file dependency that only filelists can answer may play a part. */
  needsFilelists: boolean;
  packages: AddonPackage[];
  /** Of the packages, in their order; empty unless asked for. */
  reasons: AddonReason[];
  whyNot?: AddonWhyNot;
  removed: AddonPackage[];
  /** Which of the files to be cached are whole. */
  cached: string[];
  skipped: string[];
  /** One entry for each problem, each the lines that together explain it. */
  problems: string[][];
  /** Set where a file is not what it should be; then nothing else is. */
  badFile?: string;
  reason?: string;
}

declare module '../../lib/host/native.ts' {
  interface Native {
    /** libsolv's answer, found on a thread of the pool. */
    solve(input: AddonInput): Promise<AddonOutput>;
  }
}

/** Throws nothing of its own; see `badFile`. */
export async function solveNatively(input: AddonInput): Promise<AddonOutput> {
  for (const { primary, primarySolv, filelists, filelistsSolv } of input.repos) {
    for (const file of [primarySolv ?? primary, filelistsSolv ?? filelists]) {
      // libsolv 0.7.23 waits without end for the rest of a frame that is cut short in its header.
      if (file?.endsWith('.zst') && (await endsInFrame(createReadStream(file))))
        return refused(file, 'its compressed data is cut short');
    }
  }
  // XML takes more memory on its way into libsolv than all the rest of a command.
  if (input.repos.some(({ primary, primarySolv }) => primary !== undefined && primarySolv === undefined)) {
    returnGarbage();
  }
  return native().solve(input);
}

function refused(badFile: string, reason: string): AddonOutput {
  const nothing = { packages: [], removed: [], cached: [], skipped: [], problems: [], reasons: [] };
  return { solved: false, needsFilelists: false, ...nothing, badFile, reason };
}
