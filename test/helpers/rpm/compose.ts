/** Whole packages from a description, byte by byte: in a millisecond what takes rpmbuild half a second. */
import { createHash } from 'node:crypto';
import { fileType } from '../../../src/lib/rpm/file-list.ts';
import { headerTags, type DataType } from '../../../src/lib/rpm/tags.ts';
import { archiveBytes, putTogether, type Member } from './rewrite.ts';
import { scriptletEntries, type Scriptlet } from './scriptlet-entries.ts';
import { entry, type HeaderEntry } from './synthesize.ts';

export interface ComposedFile {
  /** Absolute. */
  path: string;
  /** With its file type bits. */
  mode: number;
  user: string;
  group: string;
  /** Content of a regular file, target of a link. */
  content: string;
  mtime: number;
  /** RPMFILE_* bits. */
  flags: number;
  capabilities: string;
  /** RPMVERIFY_* bits; the default is all. */
  verify?: number;
  /** Of a device node: 8 bits for each number. */
  device?: readonly [major: number, minor: number];
  /** Files of one package with the same number are hard links of each other; without one it is alone. */
  set?: number;
}

export interface ComposedPackage {
  name: string;
  version: string;
  /** The default is noarch. */
  arch?: string;
  files: readonly ComposedFile[];
  scriptlets: readonly Scriptlet[];
  /** Names of packages that are installed before it and removed after it. */
  requires: readonly string[];
  /** Names, all versions. */
  obsoletes: readonly string[];
  /** Seconds; also of the build. */
  epoch: number;
  /** Of its files; the default is sha256. */
  digests?: keyof typeof digestNumbers;
}

/** As OpenPGP counts them. */
const digestNumbers = { md5: 1, sha256: 8, sha512: 10 } as const;

export const flagBits = { config: 1, doc: 2, missingok: 8, noreplace: 16, ghost: 64 } as const;
/** RPMSENSE_*: of the scriptlets, so that rpm orders the packages by them; of versions. */
const [prereq, equal, rpmlib] = [0x1e00, 8, 0x100000a];
const isRegular = ({ mode }: ComposedFile) => (mode & fileType.mask) === fileType.regular;
const isLink = ({ mode }: ComposedFile) => (mode & fileType.mask) === fileType.link;
const other = (tag: number, type: DataType, ...values: HeaderEntry['values']): HeaderEntry => ({
  tag,
  type,
  values,
});

export function composePackage(one: ComposedPackage): Buffer {
  // rpm looks files up by halves, so they stand in the order of their paths.
  const files = one.files.toSorted((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)));
  const inodes = inodesOf(files);
  const header = [...identity(one), ...dependencies(one), ...fileEntries(files, inodes, one.digests)];
  const archive = archiveBytes(members(files, inodes));
  return putTogether({ header: [...header, ...scriptletEntries(one.scriptlets)], archive });
}

function identity({ name, version, arch = 'noarch', epoch, files }: ComposedPackage): HeaderEntry[] {
  return [
    other(100, 'strings', 'C'),
    entry('NAME', name),
    entry('VERSION', version),
    entry('RELEASE', '1'),
    entry('SUMMARY', name),
    entry('DESCRIPTION', name),
    entry('BUILDTIME', epoch),
    entry(
      'SIZE',
      files.reduce((sum, { content }) => sum + content.length, 0),
    ),
    entry('LICENSE', 'Apache-2.0'),
    other(1021, 'string', 'linux'),
    entry('ARCH', arch),
    entry('SOURCERPM', `${name}-${version}-1.src.rpm`),
    entry('PAYLOADFORMAT', 'cpio'),
    entry('PAYLOADCOMPRESSOR', 'zstd'),
    entry('PAYLOADFLAGS', '3'),
    entry('PAYLOADDIGEST', ''),
    entry('PAYLOADDIGESTALGO', 8),
    other(5097, 'strings', ''),
  ];
}

function dependencies({ name, version, requires, obsoletes }: ComposedPackage): HeaderEntry[] {
  const features = [
    ['CompressedFileNames', '3.0.4-1'],
    ['FileDigests', '4.6.0-1'],
    ['PayloadFilesHavePrefix', '4.0-1'],
    ['PayloadIsZstd', '5.4.18-1'],
  ];
  return [
    entry('PROVIDENAME', name),
    entry('PROVIDEFLAGS', equal),
    entry('PROVIDEVERSION', `${version}-1`),
    entry('REQUIRENAME', ...requires, ...features.map(([feature]) => `rpmlib(${feature})`)),
    entry('REQUIREFLAGS', ...requires.map(() => prereq), ...features.map(() => rpmlib)),
    entry('REQUIREVERSION', ...requires.map(() => ''), ...features.map(([, since]) => since!)),
    ...(obsoletes.length > 0
      ? [
          entry('OBSOLETENAME', ...obsoletes),
          entry('OBSOLETEFLAGS', ...obsoletes.map(() => 0)),
          entry('OBSOLETEVERSION', ...obsoletes.map(() => '')),
        ]
      : []),
  ];
}

/** From 1 on, in the header's order; the same for all names of a file. */
function inodesOf(files: readonly ComposedFile[]): number[] {
  return files.map((file, index) =>
    file.set === undefined ? index + 1 : 1 + files.findIndex(({ set }) => set === file.set),
  );
}

function fileEntries(
  files: readonly ComposedFile[],
  inodes: readonly number[],
  algorithm: keyof typeof digestNumbers = 'sha256',
): HeaderEntry[] {
  if (files.length === 0) return [];
  const directoryOf = ({ path }: ComposedFile) => path.slice(0, path.lastIndexOf('/') + 1);
  const directories = [...new Set(files.map(directoryOf))];
  const digestOf = (text: string) => createHash(algorithm).update(text).digest('hex');
  const each = <T extends string | number>(of: (file: ComposedFile, index: number) => T) => files.map(of);
  return [
    entry('DIRNAMES', ...directories),
    entry('BASENAMES', ...each((file) => file.path.slice(directoryOf(file).length))),
    entry('DIRINDEXES', ...each((file) => directories.indexOf(directoryOf(file)))),
    entry('FILESIZES', ...each(({ content }) => content.length)),
    entry('FILEMODES', ...each(({ mode }) => mode)),
    entry('FILERDEVS', ...each(({ device: [major, minor] = [0, 0] }) => major * 256 + minor)),
    entry('FILEMTIMES', ...each(({ mtime }) => mtime)),
    entry('FILEDIGESTS', ...each((file) => (isRegular(file) ? digestOf(file.content) : ''))),
    entry('FILEDIGESTALGO', digestNumbers[algorithm]),
    entry('FILELINKTOS', ...each((file) => (isLink(file) ? file.content : ''))),
    entry('FILEFLAGS', ...each(({ flags }) => flags)),
    entry('FILEUSERNAME', ...each(({ user }) => user)),
    entry('FILEGROUPNAME', ...each(({ group }) => group)),
    entry('FILEVERIFYFLAGS', ...each(({ verify = 0xffffffff }) => verify)),
    entry('FILEDEVICES', ...each(() => 1)),
    entry('FILEINODES', ...inodes),
    entry('FILELANGS', ...each(() => '')),
    ...(files.some(({ capabilities }) => capabilities !== '')
      ? [{ ...headerTags.FILECAPS, values: each(({ capabilities }) => capabilities) }]
      : []),
  ];
}

/** As rpm writes them: of the names of one file the last carries its content; ghosts are in the header alone. */
function members(files: readonly ComposedFile[], inodes: readonly number[]): Member[] {
  return files.flatMap((file, index): Member[] => {
    if ((file.flags & flagBits.ghost) !== 0) return [];
    const links = inodes.filter((inode) => inode === inodes[index]).length;
    const isLast = inodes.lastIndexOf(inodes[index]!) === index;
    const content = Buffer.from(isLast ? file.content : '');
    const name = Buffer.from(`.${file.path}`);
    const sizes = [content.length, 0, 0, ...(file.device ?? [0, 0]), name.length + 1, 0];
    const fields = [inodes[index]!, file.mode, 0, 0, links, file.mtime, ...sizes];
    return [{ magic: '070701', fields, name, content }];
  });
}
