/**
 * Files that rpm has made root's because it knew no user or group of their package's name. The files themselves
 * decide, held against the packages' headers and the image's accounts; what rpm said may stand behind half a line.
 */
import { runningAt } from '../../lib/container/trace.ts';
import { native, type NativeError, type ScanEntry } from '../../lib/host/native.ts';
import { below, showBytes, type ByteString } from '../../lib/host/paths.ts';
import { resolvePlace } from '../../lib/host/resolve-in-root.ts';
import { fileType, type RpmFile } from '../../lib/rpm/file-list.ts';
import type { Accounts } from './accounts.ts';
import type { Run } from './scriptlet-runs.ts';
import type { RpmReport } from './rpm-reports.ts';

/** Who owns what in the packages of this transaction. */
export interface PackageOwners {
  nevra: string;
  files: readonly Pick<RpmFile, 'path' | 'user' | 'group' | 'flags'>[];
}

export interface UnknownOwner {
  kind: 'user' | 'group';
  name: string;
  /** The first few. */
  files: { package: string; path: string }[];
  packages: string[];
  /** The image has it by now. */
  isLate: boolean;
}

export interface OwnerFacts {
  target: string;
  packages: readonly PackageOwners[];
  /** As the transaction has left them. */
  accounts: Accounts;
  /** When it began; nanoseconds. */
  begun: bigint;
  runs: readonly Run[];
  reports: readonly RpmReport[];
  /** What it does bears no time of a run. */
  hasLua: boolean;
}

const fewFiles = 5;
const kinds = [
  ['user', 'uid', 'users'],
  ['group', 'gid', 'groups'],
] as const;

export async function unknownOwners(facts: OwnerFacts): Promise<UnknownOwner[]> {
  const found = new Map<string, UnknownOwner>();
  for (const [path, claims] of claimsOf(facts.packages)) {
    const entry = await entryAt(facts.target, path);
    if (!entry || entry.ctimeNanoseconds < facts.begun) continue;
    for (const [kind, id, accounts] of kinds) {
      // Where one of several packages gives it to root, it may be root's.
      if (entry[id] !== 0 || claims.some(({ file }) => file[kind] === 'root')) continue;
      for (const { nevra, file } of claims) {
        const name = file[kind];
        const known = facts.accounts[accounts].get(name);
        if (known === 0 || (known !== undefined && !wasMissing(facts, kind, name, entry))) continue;
        add(found, { kind, name, isLate: known !== undefined, nevra, path });
      }
    }
  }
  return [...found.values()];
}

/** A scriptlet may give a file to root: then rpm has not complained of its owner. */
function wasMissing(
  { runs, reports, hasLua }: OwnerFacts,
  kind: string,
  name: string,
  entry: ScanEntry,
): boolean {
  const isReported = reports.some(
    (one) => one.message.answer === 'owner' && one.kind === kind && one.nevra === name,
  );
  // rpm 4.18 links the next file of a package to what has several names and is empty: then it has that one's owner.
  const isUnclear = (entry.mode & fileType.mask) === fileType.directory || entry.links > 1;
  if (isReported || hasLua || isUnclear) return isReported;
  return runningAt(runs, entry.ctimeNanoseconds) === undefined;
}

/** By path, of what is not root's in every respect. */
function claimsOf(packages: readonly PackageOwners[]) {
  const claims = new Map<ByteString, { nevra: string; file: PackageOwners['files'][number] }[]>();
  for (const { nevra, files } of packages) {
    for (const file of files) {
      // rpm makes no ghosts: who did gave it its owner.
      if ((file.user === 'root' && file.group === 'root') || file.flags.ghost) continue;
      const found = claims.get(file.path);
      if (found) found.push({ nevra, file });
      else claims.set(file.path, [{ nevra, file }]);
    }
  }
  return claims;
}

async function entryAt(target: string, path: ByteString): Promise<ScanEntry | undefined> {
  const resolved = resolvePlace(target, path);
  if (resolved === undefined) return undefined;
  return native()
    .lstat(below(target, resolved))
    .catch((error: NativeError) => {
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
      throw error;
    });
}

function add(
  found: Map<string, UnknownOwner>,
  {
    kind,
    name,
    isLate,
    nevra,
    path,
  }: Pick<UnknownOwner, 'kind' | 'name' | 'isLate'> & { nevra: string; path: ByteString },
): void {
  const key = `${kind} ${name}`;
  const one = found.get(key) ?? { kind, name, files: [], packages: [], isLate };
  if (one.files.length < fewFiles) one.files.push({ package: nevra, path: `/${showBytes(path)}` });
  if (!one.packages.includes(nevra)) one.packages.push(nevra);
  found.set(key, one);
}
