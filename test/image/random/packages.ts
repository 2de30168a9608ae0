/** Random packages: files of all kinds at few paths, and scriptlets and triggers of all kinds that work on those paths. */
import { fileType } from '../../../src/rpm/files.ts';
import { pick, type Random } from '../../mutate/random.ts';
import { flagBits, type ComposedFile, type ComposedPackage } from '../../rpm/compose.ts';
import {
  fileTriggerKinds,
  plainKinds,
  triggerKinds,
  type Scriptlet,
  type ScriptletKind,
} from '../../rpm/scriptletentries.ts';
import { randomOperation, randomTarget, scriptOf } from './operations.ts';

/** Seconds: 2024-01-01. */
const epoch = 1_704_067_200;
const chance = (random: Random, percent: number) => random(100) < percent;

/** What is installed, by name, as far as random packages are concerned. */
export type Installed = ReadonlyMap<string, ComposedPackage>;

export interface Place {
  /** Every path that a package may have a file at or a scriptlet work on. */
  paths: readonly string[];
  /** Where paths lead that begin with a link of tiny-base. */
  aliases: Readonly<Record<string, string>>;
}

const tops = ['/opt/r', '/usr/share/r', '/etc/r', '/usr/lib/r', '/var/log/r', '/dev/r', '/tmp/r', '/var/cache/r'];
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
  /** Counts what is unique. */
  next: () => number;
}

export function randomPackage(draw: Draw, name: string, version: string, obsoletes: string[]): ComposedPackage {
  const { random, installed } = draw;
  const earlier = [...installed.keys()].filter((other) => other !== name && !obsoletes.includes(other));
  const requires = ['tiny-base', 'tiny-app', ...earlier.filter(() => chance(random, 40))];
  const rest = new Map([...installed].filter(([other]) => other !== name && !obsoletes.includes(other)));
  const files = randomFiles({ ...draw, installed: rest });
  const scriptlets = randomScriptlets(draw);
  // The first package of all makes the user and the group that others' files belong to, its own among them.
  if (installed.size === 0) scriptlets.unshift({ kind: 'pre', language: 'sh', body: makesUser });
  return { name, version, files, scriptlets: onlyOne(scriptlets), requires, obsoletes, epoch };
}

const makesUser = `echo 'rnd:x:88:88:rnd:/:/sbin/nologin' >>/etc/passwd
echo 'rnd:x:88:' >>/etc/group
`;

/** A package has one scriptlet of each kind. */
function onlyOne(scriptlets: Scriptlet[]): Scriptlet[] {
  return [...new Map(scriptlets.toReversed().map((one) => [one.kind, one])).values()];
}

const ofTiny = ['tiny-base', 'tiny-app'];

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

type Kind = 'directory' | 'file' | 'link';

function randomFiles({ random, place, installed, next }: Draw): ComposedFile[] {
  const others = [...installed.values()].flatMap(({ files }) => files);
  const taken = new Map(others.map((file) => [canonical(place, file.path), file]));
  const parents = new Set(place.paths.map((path) => path.slice(0, path.lastIndexOf('/'))));
  const files: ComposedFile[] = [];
  for (const path of place.paths) {
    if (!chance(random, 45)) continue;
    const shared = taken.get(canonical(place, path));
    if (shared) {
      // Two packages may have one file where it is the same in both; only what it means to them may differ.
      const { set: _, ...same } = shared;
      files.push({ ...same, path, flags: flagsOf(random, same) });
      continue;
    }
    const kinds: Kind[] = parents.has(path) ? ['directory'] : ['file', 'file', 'file', 'link', 'directory'];
    files.push(randomFile(random, path, pick(random, kinds), randomTarget(random, path, place.paths), next()));
  }
  if (chance(random, 50)) files.push(...hardLinks(random, place, next()));
  const seen = new Set<string>();
  return files.filter(({ path }) => {
    const once = canonical(place, path);
    return seen.has(once) ? false : seen.add(once);
  });
}

const types: Record<Kind, number> = {
  directory: fileType.directory,
  file: fileType.regular,
  link: fileType.link,
};
const lengths = [0, 3, 40, 5000, 90_000];

function randomFile(random: Random, path: string, kind: Kind, target: string, number: number): ComposedFile {
  const text = `${number}\n`.repeat(Math.ceil(pick(random, lengths) / 3));
  const content = kind === 'file' ? text : kind === 'link' ? target : '';
  const mtime = epoch - 1000 * random(100_000);
  const plain = { path, mode: types[kind], user: 'root', group: 'root', content, mtime };
  return attributes(random, { ...plain, flags: 0, capabilities: '' });
}

const modes = { directory: [0o755, 0o755, 0o700, 0o2775, 0o1777], file: [0o644, 0o644, 0o755, 0o4755, 0o600, 0o444] };
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
