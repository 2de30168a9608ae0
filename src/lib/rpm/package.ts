/** Metadata of one RPM package. */
import { accountsOf, dependencyKinds, readDependencies, sense } from './dependencies.ts';
import type { Account, Dependency, DependencyKind } from './dependencies.ts';
import { digestAlgorithms, readFiles, type DigestAlgorithm, type RpmFile } from './file-list.ts';
import { signatureTagsOf, type Header, type Refuse } from './header.ts';
import { readHead, refusePackage, type PackageHead } from './lead.ts';
import { readScriptlets, type Scriptlet } from './scriptlets.ts';
import { headerTags, type HeaderTag, type SignatureTag } from './tags.ts';

/** Metadata of a header, from a package file or from the rpm database. */
export interface PackageInfo extends Record<DependencyKind, Dependency[]> {
  name: string;
  /** 0 if there is none, which rpm compares as equal. */
  epoch: number;
  version: string;
  release: string;
  /** Empty only for the public keys that an rpm database holds. */
  arch: string;
  /** name-[epoch:]version-release.arch, the epoch only where it is not 0. */
  nevra: string;
  /** True for source packages; `arch` is then that of the build. */
  source: boolean;
  /** File name of the source package; '' for source packages and for some old ones. */
  sourceRpm: string;
  /** Seconds since 1970. */
  buildTime: number;
  /** Installed bytes. */
  size: number;
  /** Newest changelog entry, seconds since 1970. */
  changelogTime?: number;
  summary: string;
  license: string;
  vendor: string;
  url: string;
  files: RpmFile[];
  scriptlets: Scriptlet[];
  accounts: Account[];
  /** The header itself, for tags that are not listed here. */
  header: Header;
}

export interface Payload {
  format: string;
  /** gzip, bzip2, xz, lzma, zstd; '' if the header names none: then gzip or uncompressed, by its first bytes. */
  compressor: string;
  /** Compressor options as rpmbuild had them, such as 19. */
  flags: string;
  /** Offset in the file. */
  offset: number;
  /** Compressed bytes. */
  size: number;
  /** Of the compressed bytes. */
  digest?: { algorithm: DigestAlgorithm; hex: string };
}

export interface RpmPackage extends PackageInfo {
  /** The file it was read from. */
  path: string;
  payload: Payload;
  signatures: SignaturePresence;
}

export interface SignaturePresence {
  tags: SignatureTag[];
  /** `v6`: only in the OPENPGP tag, which rpm before version 6 ignores. */
  kind: 'none' | 'v4' | 'v6';
}

/** Reads a package file's headers, never its payload. Throws PACKAGE_INVALID naming the file and what is wrong. */
export async function readPackage(path: string): Promise<RpmPackage> {
  return describePackage(path, await readHead(path));
}

/** As readPackage, of headers that were read already. */
export function describePackage(path: string, head: PackageHead): RpmPackage {
  const refuse = refusePackage(path);
  const { source, signature, header, payloadOffset, fileSize } = head;
  const info = describeHeader(header, refuse);
  if (!info.arch) throw refuse('has no architecture');
  return {
    ...info,
    source: info.source || (source && !info.sourceRpm),
    path,
    payload: readPayloadInfo(header, payloadOffset, fileSize, refuse),
    signatures: signaturePresence(signatureTagsOf(signature)),
  };
}

/** Decodes a checked header; `refuse` makes the error for inconsistent values. */
export function describeHeader(header: Header, refuse: Refuse): PackageInfo {
  const identity = readIdentity(header, refuse);
  const dependencies = Object.fromEntries(
    Object.keys(dependencyKinds).map((kind) => [
      kind,
      readDependencies(header, kind as DependencyKind, refuse),
    ]),
  ) as Record<DependencyKind, Dependency[]>;
  if (!header.hasRegion) dependencies.provides.push(selfProvide(identity, header));
  const text = (tag: HeaderTag) => header.string(headerTags[tag]) ?? '';
  const changelogTime = header.number(headerTags.CHANGELOGTIME);
  return {
    ...identity,
    ...dependencies,
    source: header.has(headerTags.SOURCEPACKAGE),
    sourceRpm: text('SOURCERPM'),
    buildTime: header.number(headerTags.BUILDTIME) ?? 0,
    size: header.number(headerTags.LONGSIZE) ?? header.number(headerTags.SIZE) ?? 0,
    ...(changelogTime !== undefined && { changelogTime }),
    summary: text('SUMMARY'),
    license: text('LICENSE'),
    vendor: text('VENDOR'),
    url: text('URL'),
    files: readFiles(header, refuse),
    scriptlets: readScriptlets(header, refuse),
    accounts: accountsOf(dependencies.provides),
    header,
  };
}

/** rpm adds it to every header of version 3, even if the package has it already; an epoch of 0 is written out. */
function selfProvide({ name, version, release }: Nevra, header: Header): Dependency {
  const epoch = header.number(headerTags.EPOCH);
  const prefix = epoch === undefined ? '' : `${epoch}:`;
  return { name, flags: sense.equal, version: `${prefix}${version}-${release}` };
}

export interface Nevra {
  name: string;
  epoch: number;
  version: string;
  release: string;
  arch: string;
}

export function nevraText(nevra: Nevra): string {
  return `${nevra.name}-${evrText(nevra)}${nevra.arch && `.${nevra.arch}`}`;
}

/** The inverse of nevraText. Undefined for text that nevraText does not produce. */
export function parseNevra(text: string): Nevra | undefined {
  const [, name, epoch = '0', version, release, arch] =
    /^(.+)-(?:(\d+):)?([^-]+)-([^-]+)\.([^.-]+)$/.exec(text) ?? [];
  if (name === undefined || version === undefined || release === undefined || arch === undefined)
    return undefined;
  return { name, epoch: Number(epoch), version, release, arch };
}

/** [epoch:]version-release */
function evrText({ epoch, version, release }: Pick<Nevra, 'epoch' | 'version' | 'release'>): string {
  return `${epoch ? `${epoch}:` : ''}${version}-${release}`;
}

// eslint-disable-next-line no-control-regex
const nameCharacters = /^[^\u0000-\u0020/\u007f]+$/;

/** NAME_MAX, less `.rpm`. */
const maxNevraLength = 251;

/** These fields become file names, lock entries and arguments, so ambiguous characters are refused. */
export function readIdentity(header: Header, refuse: Refuse): Nevra & { nevra: string } {
  const word = (tag: HeaderTag) => {
    const value = header.string(headerTags[tag]);
    if (value === undefined) throw refuse(`has no ${tag}`);
    if (!nameCharacters.test(value)) throw refuse(`has an invalid ${tag}: ${JSON.stringify(value)}`);
    return value;
  };
  const identity = {
    name: word('NAME'),
    epoch: header.number(headerTags.EPOCH) ?? 0,
    version: word('VERSION'),
    release: word('RELEASE'),
    arch: header.has(headerTags.ARCH) ? word('ARCH') : '',
  };
  const nevra = nevraText(identity);
  if (nevra.length > maxNevraLength) throw refuse(`has a name of ${nevra.length} characters`);
  return { ...identity, nevra };
}

function readPayloadInfo(header: Header, offset: number, fileSize: number, refuse: Refuse): Payload {
  const hex = header.string(headerTags.PAYLOADDIGEST);
  const algorithm = digestAlgorithms[header.number(headerTags.PAYLOADDIGESTALGO) ?? 8];
  if (hex !== undefined && !algorithm) throw refuse('uses an unknown payload digest algorithm');
  return {
    format: header.string(headerTags.PAYLOADFORMAT) ?? 'cpio',
    compressor: header.string(headerTags.PAYLOADCOMPRESSOR) ?? '',
    flags: header.string(headerTags.PAYLOADFLAGS) ?? '',
    offset,
    size: fileSize - offset,
    ...(hex !== undefined && algorithm && { digest: { algorithm, hex } }),
  };
}

/** Summarizes the tags of a signature header. */
export function signaturePresence(tags: SignatureTag[]): SignaturePresence {
  const signed = (names: SignatureTag[]) => names.some((name) => tags.includes(name));
  const kind = signed(['RSA', 'DSA', 'PGP', 'GPG']) ? 'v4' : signed(['OPENPGP']) ? 'v6' : 'none';
  return { tags, kind };
}
