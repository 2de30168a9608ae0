/** Random packages: files of all kinds at few paths, and scriptlets and triggers of all kinds that work on those paths. */
import { fileType } from '../../../../src/lib/rpm/file-list.ts';
import { pick, type Random } from '../../../helpers/random.ts';
import { flagBits, type ComposedFile, type ComposedPackage } from '../../../helpers/rpm/compose.ts';
import {
  fileTriggerKinds,
  plainKinds,
  triggerKinds,
  type Scriptlet,
  type ScriptletKind,
} from '../../../helpers/rpm/scriptlet-entries.ts';
import { randomOperation, randomTarget, scriptOf } from './operations.ts';

/** Seconds: 2024-01-01. */
export const epoch = 1_704_067_200;
const chance = (random: Random, percent: number) => random(100) < percent;

/** What is installed, by name, as far as random packages are concerned. */
export type Installed = ReadonlyMap<string, ComposedPackage>;

export interface Place {
  /** Every path that a package may have a file at or a scriptlet work on. */
  paths: readonly string[];
  /** Where paths lead that begin with a link of tiny-base. */
  aliases: Readonly<Record<string, string>>;
}

const tops = [
  '/opt/r',
  '/usr/share/r',
  '/etc/r',
  '/usr/lib/r',
  '/var/log/r',
  '/dev/r',
  '/tmp/r',
  '/var/cache/r',
];
/** A link of tiny-base, as /lib is on systems with a merged /usr. */
const merged = { '/lib/r': '/usr/lib/r' } as const;

/** A few directories and what may lie in them, three deep. */
export function randomPlace(random: Random): Place {
  const chosen = ['/opt/r', ...Array.from({ length: 1 + random(3) }, () => pick(random, tops))];
  const roots = [...new Set([...chosen, ...(chance(random, 50) ? Object.keys(merged) : [])])];
  const paths = roots.flatMap((root) => [root, ...below(random, root, 2)]);
  return { paths: paths.toSorted(), aliases: merged };
}

function below(random: Random, directory: string, depth: number): string[] {
  const names = ['a', 'b', 'c', 'd'].filter(() => chance(random, 60));
  return names.flatMap((name) => {
    const path = `${directory}/${name}`;
    return depth > 0 && chance(random, 60) ? [path, ...below(random, path, depth - 1)] : [path];
  });
}

export function canonical({ aliases }: Place, path: string): string {
  const alias = Object.keys(aliases).find((one) => path === one || path.startsWith(`${one}/`));
  return alias === undefined ? path : `${aliases[alias]}${path.slice(alias.length)}`;
}

export interface Draw {
  random: Random;
  place: Place;
  installed: Installed;
  /** Paths that packages of this image have with another content than those below: no other package may have them. */
  changed: Set<string>;
  /** Whether rpm could put a file, or a directory, there as far as what lies there now is concerned. */
  hasRoom: (path: string, kind: Kind) => boolean;
  version: string;
  /** Counts what is unique. */
  next: () => number;
}

export function randomPackage(draw: Draw, name: string, obsoletes: string[]): ComposedPackage {
  const { installed, version } = draw;
  const isFirst = name === firstName;
  const requires = isFirst ? ofTiny : [...ofTiny, firstName];
  const scriptlets = randomScriptlets(draw);
  // The first package of all makes the user whom others' files belong to, its own among them.
  if (isFirst) scriptlets.unshift({ kind: 'pre', language: 'sh', body: makesUser });
  const rest = new Map([...installed].filter(([other]) => other !== name));
  const files = randomFiles({ ...draw, installed: rest }, installed.get(name)?.files ?? []);
  return { name, version, files, scriptlets: onlyOne(scriptlets), requires, obsoletes, epoch };
}

export const firstName = 'first';
const ofTiny = ['tiny-base', 'tiny-app'];

const makesUser = `[ $1 != 1 ] || echo 'rnd:x:88:88:rnd:/:/sbin/nologin' >>/etc/passwd
`;

/** A package has one scriptlet of each kind. */
function onlyOne(scriptlets: Scriptlet[]): Scriptlet[] {
  return [...new Map(scriptlets.toReversed().map((one) => [one.kind, one])).values()];
}

function randomScriptlets({ random, place, installed, next }: Draw): Scriptlet[] {
  const kinds: ScriptletKind[] = [...plainKinds, ...triggerKinds, ...fileTriggerKinds];
  const chosen = kinds.filter((kind) => chance(random, kind === 'post' ? 50 : 14));
  return chosen.map((kind) => {
    // Before the first package there is no shell.
    const language = kind === 'pretrans' || chance(random, 30) ? 'lua' : 'sh';
    const operations = Array.from({ length: 1 + random(4) }, () =>
      randomOperation(random, place.paths, next()),
    );
    const on = (triggerKinds as readonly string[]).includes(kind)
      ? [pick(random, [...installed.keys(), ...ofTiny])]
      : [pick(random, ['/opt', '/usr/share', '/etc', '/usr/lib', '/usr/bin'])];
    return { kind, language, body: scriptOf(language, operations), on };
  });
}

export type Kind = 'directory' | 'file' | 'link';

/** @param before what an older version of the package has */
function randomFiles(draw: Draw, before: readonly ComposedFile[]): ComposedFile[] {
  const { random, place, installed, next, changed, hasRoom } = draw;
  const others = [...installed.values()].flatMap(({ files }) => files);
  const filesAt = (files: readonly ComposedFile[]) =>
    new Map(files.map((file) => [canonical(place, file.path), file]));
  const [taken, own] = [filesAt(others), filesAt(before)];
  const parents = new Set(place.paths.map((path) => canonical(place, path.slice(0, path.lastIndexOf('/')))));
  const files = new Map<string, ComposedFile>();
  for (const path of place.paths) {
    const where = canonical(place, path);
    if (!chance(random, 45) || files.has(where) || changed.has(where)) continue;
    const shared = taken.get(where) ?? (chance(random, 50) ? own.get(where) : undefined);
    const file = shared ? sameFile(random, path, shared) : freshFile(draw, path, parents.has(where));
    if (!hasRoom(where, kindOf(file))) continue;
    files.set(where, file);
    if (!shared && own.has(where)) changed.add(where);
  }
  const links = chance(random, 50) ? hardLinks(random, place, next()) : [];
  return [...files.values(), ...links.filter(({ path }) => hasRoom(canonical(place, path), 'file'))];
}

/** Two packages may have one file where it is the same in both; only what it means to them may differ. */
function sameFile(random: Random, path: string, shared: ComposedFile): ComposedFile {
  const same = { ...shared, path, flags: flagsOf(random, shared) };
  // Its hard links are another package's.
  delete same.set;
  return same;
}

function freshFile({ random, place, next }: Draw, path: string, isParent: boolean): ComposedFile {
  const kinds: Kind[] = isParent ? ['directory'] : ['file', 'file', 'file', 'link', 'directory'];
  return randomFile(random, path, pick(random, kinds), randomTarget(random, path, place.paths), next());
}

const types: Record<Kind, number> = {
  directory: fileType.directory,
  file: fileType.regular,
  link: fileType.link,
};
const kindOf = ({ mode }: ComposedFile) =>
  (Object.keys(types) as Kind[]).find((kind) => types[kind] === (mode & fileType.mask))!;
const lengths = [0, 3, 40, 5000, 90_000];

function randomFile(random: Random, path: string, kind: Kind, target: string, number: number): ComposedFile {
  const text = `${number}\n`.repeat(Math.ceil(pick(random, lengths) / 3));
  const content = kind === 'file' ? text : kind === 'link' ? target : '';
  const mtime = epoch - 1000 * random(100_000);
  const plain = { path, mode: types[kind], user: 'root', group: 'root', content, mtime };
  return attributes(random, { ...plain, flags: 0, capabilities: '' });
}

const modes = {
  directory: [0o755, 0o755, 0o700, 0o2775, 0o1777],
  file: [0o644, 0o644, 0o755, 0o4755, 0o600, 0o444],
};
const { config, doc, missingok, noreplace, ghost } = flagBits;
const flags = [config, config | noreplace, config | missingok, doc, ghost, config | ghost];

function attributes(random: Random, file: ComposedFile): ComposedFile {
  const type = file.mode & fileType.mask;
  if (type === fileType.link) return file;
  const isFile = type === fileType.regular;
  const mode = type | pick(random, isFile ? modes.file : modes.directory);
  const owner = chance(random, 30) ? { user: pick(random, ['tiny', 'rnd']), group: 'tiny' } : {};
  const capabilities = isFile && chance(random, 10) ? 'cap_net_raw=ep' : '';
  return { ...file, mode, ...owner, flags: flagsOf(random, file), capabilities };
}

function flagsOf(random: Random, { mode }: ComposedFile): number {
  const isFile = (mode & fileType.mask) === fileType.regular;
  return isFile && chance(random, 35) ? pick(random, flags) : 0;
}

/** Two or three names of one file, in directories of which the package need not have any. */
function hardLinks(random: Random, { paths }: Place, number: number): ComposedFile[] {
  const directories = [...new Set(paths.map((path) => path.slice(0, path.lastIndexOf('/'))))];
  const first = { ...randomFile(random, '', 'file', '', number), capabilities: '', set: number };
  const flag = chance(random, 20) ? doc : 0;
  return Array.from({ length: 2 + random(2) }, (_, index) => ({
    ...first,
    flags: flag,
    path: `${pick(random, directories)}/h${number}-${index}`,
  }));
}
