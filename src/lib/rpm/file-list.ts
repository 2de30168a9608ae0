/** The file list of a header. */
import type { ByteString } from '../host/paths.ts';
import { byteString, showBytes } from '../host/paths.ts';
import type { Header, Refuse } from './header.ts';
import { headerTags, type HeaderTag } from './tags.ts';

/** File types in a mode (S_IFMT and its values). */
export const fileType = {
  mask: 0o170000,
  fifo: 0o010000,
  character: 0o020000,
  directory: 0o040000,
  block: 0o060000,
  regular: 0o100000,
  link: 0o120000,
  socket: 0o140000,
} as const;

const flagBits = {
  config: 1 << 0,
  doc: 1 << 1,
  missingok: 1 << 3,
  noreplace: 1 << 4,
  specfile: 1 << 5,
  ghost: 1 << 6,
  license: 1 << 7,
  readme: 1 << 8,
  artifact: 1 << 12,
} as const;
type FileFlags = Readonly<Record<keyof typeof flagBits, boolean>>;

export type DigestAlgorithm = 'md5' | 'sha1' | 'sha224' | 'sha256' | 'sha384' | 'sha512';
/** OpenPGP's numbers (RFC 4880, 9.4), as in FILEDIGESTALGO and PAYLOADDIGESTALGO. */
export const digestAlgorithms: Readonly<Record<number, DigestAlgorithm>> = {
  1: 'md5',
  2: 'sha1',
  8: 'sha256',
  9: 'sha384',
  10: 'sha512',
  11: 'sha224',
};

export interface RpmFile {
  /** Without a leading slash; '' is the root directory itself. */
  path: ByteString;
  /** Permissions and file type, as in st_mode. */
  mode: number;
  user: string;
  group: string;
  /** Bytes; for links and directories the value of the header. */
  size: number;
  /** Seconds since 1970. */
  mtime: number;
  /** Only for regular files; that of a ghost is of the file in the build root. */
  digest?: { algorithm: DigestAlgorithm; hex: string };
  /** Only for symbolic links. */
  linkTarget?: ByteString;
  flags: FileFlags;
  /** libcap text such as `cap_net_raw=ep`; '' if none. */
  capabilities: string;
  /** For character and block devices. */
  deviceMajor: number;
  deviceMinor: number;
  /** Equal device and inode within one package: hard links of each other. */
  device: number;
  inode: number;
  /** ELF class: 0 none, 1 32-bit, 2 64-bit. */
  color: number;
  /** Bits of RPMVERIFY_*: what `rpm -V` compares. */
  verifyFlags: number;
  /** Languages joined by `|`; '' if none. */
  lang: string;
}

/** PATH_MAX. Without it a small header could repeat a few bytes a million times in its paths. */
const maxPathLength = 4096;

/** Files in the header's order, which is the payload's too. Throws the error of `refuse` for inconsistent lists. */
export function readFiles(header: Header, refuse: Refuse): RpmFile[] {
  const paths = readPaths(header, refuse);
  const count = paths.length;
  const numbers = (name: HeaderTag) => sized(header.numbers(headerTags[name]), name, count, refuse);
  const texts = (name: HeaderTag) => sized(header.strings(headerTags[name]), name, count, refuse);
  const sizes = numbers('LONGFILESIZES') ?? numbers('FILESIZES');
  const [modes, users, groups] = [numbers('FILEMODES'), texts('FILEUSERNAME'), texts('FILEGROUPNAME')];
  if (count > 0 && !(sizes && modes && users && groups)) {
    throw refuse('has files without sizes, modes or owners');
  }
  const algorithm = digestAlgorithms[header.number(headerTags.FILEDIGESTALGO) ?? 1];
  if (!algorithm) throw refuse('uses an unknown file digest algorithm');
  const digests = texts('FILEDIGESTS');
  const targets = sized(header.byteStrings(headerTags.FILELINKTOS), 'FILELINKTOS', count, refuse);
  const [mtimes, rdevs, flags] = [numbers('FILEMTIMES'), numbers('FILERDEVS'), numbers('FILEFLAGS')];
  const [devices, inodes, colors] = [numbers('FILEDEVICES'), numbers('FILEINODES'), numbers('FILECOLORS')];
  const [verify, langs, caps] = [numbers('FILEVERIFYFLAGS'), texts('FILELANGS'), texts('FILECAPS')];
  const flagSets = new Map<number, FileFlags>();
  return paths.map((path, i) => {
    const mode = modes?.[i] ?? 0;
    const hex = digests?.[i] ?? '';
    const rdev = rdevs?.[i] ?? 0;
    const target = targets?.[i];
    const isLink = (mode & fileType.mask) === fileType.link;
    const isRegular = (mode & fileType.mask) === fileType.regular;
    const fileFlags = flagsOf(flags?.[i] ?? 0, flagSets);
    if (isLink && !target) throw refuse(`has a symbolic link without a target: ${showBytes(path)}`);
    return {
      path,
      mode,
      user: users?.[i] ?? '',
      group: groups?.[i] ?? '',
      size: sizes?.[i] ?? 0,
      mtime: mtimes?.[i] ?? 0,
      ...(hex && isRegular && { digest: { algorithm, hex } }),
      ...(isLink && target !== undefined && { linkTarget: target }),
      flags: fileFlags,
      capabilities: caps?.[i] ?? '',
      // FILERDEVS has 16 bits: the old encoding, 8 for each.
      deviceMajor: rdev >> 8,
      deviceMinor: rdev & 0xff,
      device: devices?.[i] ?? 0,
      inode: inodes?.[i] ?? 0,
      color: colors?.[i] ?? 0,
      verifyFlags: verify?.[i] ?? 0xffffffff,
      lang: langs?.[i] ?? '',
    };
  });
}

/** For every file with more than one name, all of its names in the header's order, by any one of them. */
export function hardLinkSets(files: readonly RpmFile[], refuse: Refuse): Map<RpmFile, RpmFile[]> {
  const byInode = new Map<string, RpmFile[]>();
  for (const file of files) {
    // rpm reads inodes as signed numbers, and those up to 0 as absent.
    if ((file.mode & fileType.mask) !== fileType.regular || file.flags.ghost || (file.inode | 0) <= 0)
      continue;
    const key = `${file.device}:${file.inode}`;
    const set = byInode.get(key);
    if (set) set.push(file);
    else byInode.set(key, [file]);
  }
  const sets = new Map<RpmFile, RpmFile[]>();
  for (const set of byInode.values()) {
    if (set.length < 2) continue;
    const [first] = set;
    for (const file of set) {
      if (file.size !== first?.size || file.digest?.hex !== first.digest?.hex) {
        throw refuse(`has hard links of different content: ${showBytes(file.path)}`);
      }
      sets.set(file, set);
    }
  }
  return sets;
}

function sized<T>(values: T[] | undefined, tag: HeaderTag, count: number, refuse: Refuse): T[] | undefined {
  if (!values) return undefined;
  // A package without files may still have empty arrays, which are ignored.
  if (values.length !== count && count > 0) {
    throw refuse(`has ${count} files but ${values.length} entries in ${tag}`);
  }
  return values;
}

/** Version 3 packages have whole paths, later ones directories and base names. rpm looks for whole paths first. */
function readPaths(header: Header, refuse: Refuse): ByteString[] {
  const old = header.has(headerTags.DIRNAMES) ? undefined : header.byteStrings(headerTags.OLDFILENAMES);
  const whole = old ?? joinedPaths(header, refuse);
  const seen = new Set<string>();
  return whole.map((path) => {
    const relative = path === '/' ? byteString('') : (path.replace(/^\//, '') as ByteString);
    const safe =
      path === '/' ||
      relative.split('/').every((segment) => segment !== '' && segment !== '.' && segment !== '..');
    if (!safe || relative.length > maxPathLength) throw refuse(`has an invalid path: ${showBytes(path)}`);
    if (seen.has(relative)) throw refuse(`has the path ${showBytes(path)} twice`);
    seen.add(relative);
    return relative;
  });
}

function joinedPaths(header: Header, refuse: Refuse): ByteString[] {
  const names = header.byteStrings(headerTags.BASENAMES) ?? [];
  const directories = header.byteStrings(headerTags.DIRNAMES) ?? [];
  const indexes = header.numbers(headerTags.DIRINDEXES) ?? [];
  if (indexes.length !== names.length) {
    throw refuse(`has ${names.length} file names but ${indexes.length} directory indexes`);
  }
  return names.map((name, i) => {
    const directory = directories[indexes[i] ?? -1];
    if (directory === undefined) throw refuse(`has a file in no directory: ${showBytes(name)}`);
    // rpm writes NAME into such a directory, but reports DIRECTORYNAME. Source packages have no directories.
    if (!/(?:^|\/)$/.test(directory))
      throw refuse(`has a directory without its slash: ${showBytes(directory)}`);
    if (directory.length + name.length > maxPathLength) throw refuse('has a path longer than 4096 bytes');
    return (directory + name) as ByteString;
  });
}

function flagsOf(bits: number, known: Map<number, FileFlags>): FileFlags {
  const found = known.get(bits);
  if (found) return found;
  const entries = Object.entries(flagBits).map(([name, bit]) => [name, (bits & bit) !== 0]);
  const flags = Object.freeze(Object.fromEntries(entries)) as FileFlags;
  known.set(bits, flags);
  return flags;
}
