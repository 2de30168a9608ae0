/** A universe as files: repodata as createrepo_c writes it, and .rpm files without contents of what is installed. */
import { createHash } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { entry, headerBlob, packageFile, type HeaderEntry } from '../../../helpers/rpm/synthesize.ts';
import { headerTags } from '../../../../src/lib/rpm/tags.ts';
import { relations, type Relation, type UniversePackage } from './universe.ts';

interface Dependency {
  name: string;
  flags?: string;
  /** [EPOCH:]VERSION[-RELEASE] */
  evr?: string;
}

const flagNames: Record<string, string> = { '=': 'EQ', '<': 'LT', '<=': 'LE', '>': 'GT', '>=': 'GE' };
const flagBits: Record<string, number> = { EQ: 8, LT: 2, LE: 10, GT: 4, GE: 12 };

function parse(text: string): Dependency {
  const [name = '', flag, evr] = text.startsWith('(') ? [text] : text.split(' ');
  return flag === undefined || evr === undefined ? { name } : { name, flags: flagNames[flag]!, evr };
}

const fileName = ({ name, epoch, version, release, arch }: UniversePackage) =>
  `${name}-${epoch}-${version}-${release}.${arch}.rpm`;

const quote = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
const idOf = (one: UniversePackage) => sha256(JSON.stringify(one));

function entryOf(text: string): string {
  const { name, flags, evr } = parse(text);
  if (flags === undefined || evr === undefined) return `<rpm:entry name="${quote(name)}"/>`;
  const [, epoch = '0', version, , release] = /^(?:(\d+):)?([^-]+)(-(.+))?$/.exec(evr)!;
  const ending = release === undefined ? '' : ` rel="${release}"`;
  return `<rpm:entry name="${quote(name)}" flags="${flags}" epoch="${epoch}" ver="${version}"${ending}/>`;
}

const evrOf = ({ epoch, version, release }: UniversePackage) =>
  `<version epoch="${epoch}" ver="${version}" rel="${release}"/>`;
const inPrimary = (path: string) => path.startsWith('/etc/') || path.includes('bin/');
const filesOf = (paths: string[]) => paths.map((path) => `<file>${path}</file>`).join('');

function primaryOf(one: UniversePackage): string {
  const lists = relations.filter((relation) => one[relation].length > 0);
  return [
    `<package type="rpm"><name>${one.name}</name><arch>${one.arch}</arch>${evrOf(one)}`,
    `<checksum type="sha256" pkgid="YES">${idOf(one)}</checksum><summary>s</summary><description>d</description>`,
    '<packager/><url/><time file="1700000000" build="1700000000"/><size package="1000" installed="1000" archive="1000"/>',
    `<location href="${fileName(one)}"/><format><rpm:license>MIT</rpm:license><rpm:vendor/><rpm:group/>`,
    `<rpm:sourcerpm>${one.name}-${one.version}-${one.release}.src.rpm</rpm:sourcerpm>`,
    ...lists.map((list) => `<rpm:${list}>${one[list].map(entryOf).join('')}</rpm:${list}>`),
    `${filesOf(one.files.filter(inPrimary))}</format></package>`,
  ].join('\n');
}

function filelistOf(one: UniversePackage): string {
  return `<package pkgid="${idOf(one)}" name="${one.name}" arch="${one.arch}">${evrOf(one)}${filesOf(one.files)}</package>`;
}

export async function writeRepository(
  directory: string,
  packages: readonly UniversePackage[],
): Promise<void> {
  const repodata = join(directory, 'repodata');
  await mkdir(repodata, { recursive: true });
  const head = '<?xml version="1.0" encoding="UTF-8"?>\n';
  const space = 'http://linux.duke.edu/metadata';
  const documents = {
    primary: `<metadata xmlns="${space}/common" xmlns:rpm="${space}/rpm" packages="${packages.length}">\n${packages.map(primaryOf).join('\n')}\n</metadata>\n`,
    filelists: `<filelists xmlns="${space}/filelists" packages="${packages.length}">\n${packages.map(filelistOf).join('\n')}\n</filelists>\n`,
  };
  const data: string[] = [];
  for (const [type, text] of Object.entries(documents)) {
    const body = head + text;
    await writeFile(join(repodata, `${type}.xml`), body);
    data.push(
      `<data type="${type}"><checksum type="sha256">${sha256(body)}</checksum><location href="repodata/${type}.xml"/><timestamp>1700000000</timestamp><size>${body.length}</size></data>`,
    );
  }
  const repomd = `${head}<repomd xmlns="${space}/repo"><revision>1</revision>\n${data.join('\n')}\n</repomd>\n`;
  await writeFile(join(repodata, 'repomd.xml'), repomd);
}

/** Names, flags and versions: the numbers of rpm's tags. */
const tagsOf: Record<Relation, readonly [number, number, number]> = {
  provides: [1047, 1112, 1113],
  requires: [1049, 1048, 1050],
  conflicts: [1054, 1053, 1055],
  obsoletes: [1090, 1114, 1115],
  recommends: [5046, 5048, 5047],
  suggests: [5049, 5051, 5050],
  supplements: [5052, 5054, 5053],
  enhances: [5055, 5057, 5056],
};

function dependencies(one: UniversePackage, relation: Relation): HeaderEntry[] {
  const parsed = one[relation].map(parse);
  if (parsed.length === 0) return [];
  const [names, flags, evrs] = tagsOf[relation];
  return [
    { tag: names, type: 'strings', values: parsed.map(({ name }) => name) },
    { tag: flags, type: 'int32', values: parsed.map((it) => flagBits[it.flags ?? ''] ?? 0) },
    { tag: evrs, type: 'strings', values: parsed.map(({ evr }) => evr ?? '') },
  ];
}

function files(paths: readonly string[]): HeaderEntry[] {
  if (paths.length === 0) return [];
  const directoryOf = (path: string) => path.slice(0, path.lastIndexOf('/') + 1);
  const directories = [...new Set(paths.map(directoryOf))];
  return [
    entry('DIRNAMES', ...directories),
    entry('BASENAMES', ...paths.map((path) => path.slice(path.lastIndexOf('/') + 1))),
    entry('DIRINDEXES', ...paths.map((path) => directories.indexOf(directoryOf(path)))),
    entry('FILEMODES', ...paths.map(() => 0o100644)),
    entry('FILESIZES', ...paths.map(() => 0)),
    entry('FILEFLAGS', ...paths.map(() => 0)),
    entry('FILEUSERNAME', ...paths.map(() => 'root')),
    entry('FILEGROUPNAME', ...paths.map(() => 'root')),
  ];
}

function headerOf(one: UniversePackage): Buffer {
  return headerBlob(headerTags.HEADERIMMUTABLE.tag, [
    entry('NAME', one.name),
    entry('VERSION', one.version),
    entry('RELEASE', one.release),
    ...(one.epoch > 0 ? [entry('EPOCH', one.epoch)] : []),
    entry('ARCH', one.arch),
    // OS
    { tag: 1021, type: 'string', values: ['linux'] },
    entry('SUMMARY', 's'),
    entry('SIZE', 0),
    entry('BUILDTIME', 1_700_000_000),
    entry('SOURCERPM', `${one.name}-${one.version}-${one.release}.src.rpm`),
    ...relations.flatMap((relation) => dependencies(one, relation)),
    ...files([...new Set(one.files)]),
  ]);
}

/** Gives the paths of the files. */
export async function writeInstalled(
  directory: string,
  packages: readonly UniversePackage[],
): Promise<string[]> {
  await mkdir(directory, { recursive: true });
  return Promise.all(
    packages.map(async (one) => {
      const path = join(directory, fileName(one));
      await writeFile(path, packageFile({ header: headerOf(one) }));
      return path;
    }),
  );
}
