/** A repository of packages that are headers and nothing else, with metadata of this file's own making. */
import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { headerTags } from '../../../src/lib/rpm/tags.ts';
import { sense } from '../../../src/lib/rpm/dependencies.ts';
import { entry, headerBlob, packageFile } from '../rpm/synthesize.ts';

export interface SmallPackage {
  name: string;
  version: number;
  arch: string;
  /** Names, of any version. */
  requires?: readonly string[];
}

export interface SmallAdvisory {
  id: string;
  type?: string;
  severity?: string;
  title?: string;
  packages: readonly SmallPackage[];
}

export const nevraOf = ({ name, version, arch }: SmallPackage) => `${name}-${version}-1.${arch}`;

/** Enough for a solver and for a lock. */
export function rpmOf(one: SmallPackage): Buffer {
  const list = (stem: 'PROVIDE' | 'REQUIRE', names: readonly string[], version: string) =>
    names.length === 0
      ? []
      : [
          entry(`${stem}NAME`, ...names),
          entry(`${stem}FLAGS`, ...names.map(() => (version === '' ? 0 : sense.equal))),
          entry(`${stem}VERSION`, ...names.map(() => version)),
        ];
  const header = headerBlob(headerTags.HEADERIMMUTABLE.tag, [
    entry('NAME', one.name),
    entry('VERSION', String(one.version)),
    entry('RELEASE', '1'),
    entry('ARCH', one.arch),
    entry('SOURCERPM', `${one.name}-${one.version}-1.src.rpm`),
    ...list('PROVIDE', [one.name], `${one.version}-1`),
    ...list('REQUIRE', one.requires ?? [], ''),
  ]);
  return packageFile({ header });
}

interface Stored {
  sha256: string;
  size: number;
}

/** The record of a package in primary metadata. */
export function recordOf(one: SmallPackage, { sha256, size }: Stored): string {
  const requires = (one.requires ?? []).map((name) => `<rpm:entry name="${name}"/>`).join('');
  const own = `<rpm:entry name="${one.name}" flags="EQ" epoch="0" ver="${one.version}" rel="1"/>`;
  return `<package type="rpm"><name>${one.name}</name><arch>${one.arch}</arch>
<version epoch="0" ver="${one.version}" rel="1"/><checksum type="sha256" pkgid="YES">${sha256}</checksum>
<time file="1700000000" build="1700000000"/><size package="${size}" installed="0" archive="0"/>
<location href="${nevraOf(one)}.rpm"/><format><rpm:sourcerpm>${one.name}-${one.version}-1.src.rpm</rpm:sourcerpm>
<rpm:provides>${own}</rpm:provides><rpm:requires>${requires}</rpm:requires></format></package>`;
}

function updateinfoOf(advisories: readonly SmallAdvisory[]): string {
  const packageOf = ({ name, version, arch }: SmallPackage) =>
    `<package name="${name}" epoch="0" version="${version}" release="1" arch="${arch}"/>`;
  const all = advisories.map(
    ({ id, type = 'security', severity = 'Important', title = id, packages }) =>
      `<update type="${type}"><id>${id}</id><title>${title}</title><severity>${severity}</severity>
<pkglist><collection>${packages.map(packageOf).join('')}</collection></pkglist></update>`,
  );
  return `<updates>${all.join('')}</updates>`;
}

const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

/** The files below repodata/, of records that are made already. */
export function metadataOf(
  records: readonly string[],
  revision: number,
  advisories: readonly SmallAdvisory[] = [],
): Record<string, Buffer> {
  const primary = `<?xml version="1.0" encoding="UTF-8"?>
<metadata xmlns="http://linux.duke.edu/metadata/common" xmlns:rpm="http://linux.duke.edu/metadata/rpm" packages="${records.length}">
${records.join('\n')}
</metadata>`;
  const documents: Record<string, Buffer> = { primary: gzipSync(primary) };
  if (advisories.length > 0) documents['updateinfo'] = gzipSync(updateinfoOf(advisories));
  const files: Record<string, Buffer> = {};
  const data = Object.entries(documents).map(([type, bytes]) => {
    const location = `repodata/${sha256(bytes)}-${type}.xml.gz`;
    files[location] = bytes;
    return `<data type="${type}"><checksum type="sha256">${sha256(bytes)}</checksum><location href="${location}"/>
<timestamp>${revision}</timestamp><size>${bytes.length}</size></data>`;
  });
  files['repodata/repomd.xml'] = Buffer.from(
    `<?xml version="1.0"?>\n<repomd xmlns="http://linux.duke.edu/metadata/repo"><revision>${revision}</revision>${data.join('')}</repomd>`,
  );
  return files;
}

/** All files of a repository by their paths in it. @param revision grows with each state */
export function smallRepository(
  packages: readonly SmallPackage[],
  revision: number,
  advisories: readonly SmallAdvisory[] = [],
): Record<string, Buffer> {
  const files: Record<string, Buffer> = {};
  const records = packages.map((one) => {
    const bytes = rpmOf(one);
    files[`${nevraOf(one)}.rpm`] = bytes;
    return recordOf(one, { sha256: sha256(bytes), size: bytes.length });
  });
  return { ...files, ...metadataOf(records, revision, advisories) };
}
