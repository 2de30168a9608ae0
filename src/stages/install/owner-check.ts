/**
 * Finds files that rpm gave to root because their user or group did not exist. The files themselves decide, compared
 * with the packages' headers and the image's accounts, because rpm's message may be hidden behind half a line.
 */
import { runningAt } from '../../lib/container/trace.ts';
import { native, type NativeError, type ScanEntry } from '../../lib/host/native.ts';
import { below, showBytes, type ByteString } from '../../lib/host/paths.ts';
import { resolvePlace } from '../../lib/host/resolve-in-root.ts';
import { fileType, type RpmFile } from '../../lib/rpm/file-list.ts';
import type { Accounts } from './accounts.ts';
import type { Run } from './scriptlet-runs.ts';
import type { RpmReport } from './rpm-reports.ts';

/** Owners of files in the packages of this transaction. */
interface PackageOwners {
  nevra: string;
  files: readonly Pick<RpmFile, 'path' | 'user' | 'group' | 'flags'>[];
}

export interface UnknownOwner {
  kind: 'user' | 'group';
  name: string;
  /** The first few of them. */
  files: { package: string; path: string }[];
  packages: string[];
  /** The image has the account now: it was made too late. */
  isLate: boolean;
}

export interface OwnerFacts {
  target: string;
  packages: readonly PackageOwners[];
  /** Accounts after the transaction. */
  accounts: Accounts;
  /** Begin of the transaction in nanoseconds. */
  begun: bigint;
  runs: readonly Run[];
  reports: readonly RpmReport[];
  /** Lua scriptlets run inside rpm, so no run explains their changes. */
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
      // If one of several packages gives the file to root, it may belong to root.
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

/** A scriptlet may give a file to root, and then rpm has reported no missing owner. */
function wasMissing(
  { runs, reports, hasLua }: OwnerFacts,
  kind: string,
  name: string,
  entry: ScanEntry,
): boolean {
  const isReported = reports.some(
    (one) => one.message.answer === 'owner' && one.kind === kind && one.nevra === name,
  );
  // rpm 4.18 reuses an empty file with several names for the package's next file, which then has that owner.
  const isUnclear = (entry.mode & fileType.mask) === fileType.directory || entry.links > 1;
  if (isReported || hasLua || isUnclear) return isReported;
  return runningAt(runs, entry.ctimeNanoseconds) === undefined;
}

/** By path, for files that do not belong entirely to root. */
function claimsOf(packages: readonly PackageOwners[]) {
  const claims = new Map<ByteString, { nevra: string; file: PackageOwners['files'][number] }[]>();
  for (const { nevra, files } of packages) {
    for (const file of files) {
      // rpm does not make ghosts: the program that made one gave it its owner.
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
