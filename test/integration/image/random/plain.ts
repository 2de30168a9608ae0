/** What rpm alone leaves in a plain directory, image on image: of the packages that could be, those that it installs. */
import { execFile } from 'node:child_process';
import { cp, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { lstatIfThere } from '../../../../src/lib/host/files.ts';
import { native } from '../../../../src/lib/host/native.ts';
import { showBytes } from '../../../../src/lib/host/paths.ts';
import { fileType } from '../../../../src/lib/rpm/file-list.ts';
import { composePackage } from '../../../helpers/rpm/compose.ts';
import type { Tiny } from '../../../helpers/tiny/tiny.ts';
import { isNormalised } from '../../../helpers/trees/normalized-paths.ts';
import { attempts, type Generation, type ImageName, type RandomSet, type TimesOf } from './set.ts';

const run = promisify(execFile);
/** The part of a userland that the packages stand on. */
const userland = /^tiny-(?:base|app)-/;
/** What rpm says of a package that it has not installed as it should be, and goes on. */
const complaint = /^(?:error|warning): (?!.*(?:saved as|created as|remove failed|cannot remove))/m;

export interface PlainImage extends Generation {
  image: ImageName;
  /** Its packages. */
  repository: string;
  /** What rpm has made of them. */
  tree: string;
  /** How many sets rpm refused before. */
  refused: number;
  timesOf: TimesOf;
  /** Of all packages so far, by whatever name. */
  times: ReadonlySet<number>;
}

/** @param below the tree of the image below, of which a copy is gone on from */
export async function plainImage(
  set: RandomSet,
  image: ImageName,
  tiny: Tiny,
  work: string,
  below: string | undefined,
): Promise<PlainImage> {
  const repository = join(work, 'packages', image);
  const tree = join(work, 'plain', image);
  let last: unknown;
  for (let attempt = 0; attempt < attempts; attempt++) {
    const generation = set.draw(image, attempt, below);
    await makeRepository(repository, generation, below === undefined ? tiny : undefined);
    await makeTree(tree, below);
    try {
      await install(repository, tree, set.docs, below === undefined ? '' : devicesOf(below));
      const timesOf = set.accept(generation);
      return { ...generation, image, repository, tree, refused: attempt, timesOf, times: set.times };
    } catch (error) {
      last = error;
      await rm(repository, { recursive: true });
      await rm(tree, { recursive: true });
    }
  }
  throw new Error(`seed ${set.seed}: rpm installs none of ${attempts} sets`, { cause: last });
}

async function makeRepository(repository: string, { packages }: Generation, tiny?: Tiny): Promise<void> {
  await mkdir(repository, { recursive: true });
  for (const one of packages) {
    const name = `${one.name}-${one.version}-1.noarch.rpm`;
    await writeFile(join(repository, name), composePackage(one));
  }
  if (!tiny) return;
  for (const name of await readdir(tiny.packages))
    if (userland.test(name)) await cp(join(tiny.packages, name), join(repository, name));
}

async function makeTree(tree: string, below: string | undefined): Promise<void> {
  if (below !== undefined) await run('cp', ['-a', '--reflink=auto', below, tree]);
  await mkdir(join(tree, 'dev'), { recursive: true });
  await mkdir(join(tree, 'proc'), { recursive: true, mode: 0o555 });
}

/**
 * As in a build, what a transaction finds in /dev and /proc is there for it alone, but for what the image below has in
 * /dev; rpm itself needs both.
 */
const inOwnPlaces = `
tree=$0; dev=$tree/dev; shown=$1; shift
mount -t proc proc "$tree/proc"
mount -t tmpfs -o mode=755 dev "$dev"
if [ -d "$shown" ]; then cp -a "$shown/." "$dev/"; fi
for node in null:3 zero:5 full:7 random:8 urandom:9; do rm -rf "$dev/\${node%:*}"; mknod -m 666 "$dev/\${node%:*}" c 1 "\${node#*:}"; done
exec rpm --root "$tree" --dbpath /usr/lib/sysimage/rpm --nosignature --noplugins --define '_db_backend sqlite' "$@"`;

async function install(repository: string, tree: string, docs: boolean, devices: string): Promise<void> {
  // In the order in which a build gives them to rpm.
  const files = (await readdir(repository)).toSorted().map((name) => join(repository, name));
  const options = docs ? [] : ['--excludedocs'];
  const env = { ...process.env, LC_ALL: 'C.UTF-8', TZ: 'UTC' };
  const limits = { env, timeout: 60_000, killSignal: 'SIGKILL' as const };
  const words = ['--mount', 'sh', '-ec', inOwnPlaces, tree, devices, ...options, '-U', ...files];
  const { stderr } = await run('unshare', words, limits);
  if (complaint.test(stderr)) throw new Error(stderr);
}

/**
 * What the image leaves out for a documented reason is not there for rpm either, when it goes on from this tree: a
 * scriptlet could move it to where it counts.
 */
export async function leaveOut({ tree, timesOf }: PlainImage, image: string): Promise<void> {
  await run('cp', ['-a', join(image, 'dev'), devicesOf(tree)]);
  // rpm erases in the order of the database's numbers, and the image's are in canonical order.
  await rm(join(tree, databases), { recursive: true });
  await run('cp', ['-a', join(image, databases), join(tree, databases)]);
  for (const { path, mode } of await native().scan(tree)) {
    const place = `/${showBytes(path)}`;
    const isDirectory = (mode & fileType.mask) === fileType.directory;
    if (isDirectory || !isNormalised(place) || isDatabase(place) || timesOf(place)) continue;
    if (!(await lstatIfThere(join(image, place)))) await rm(join(tree, place));
  }
}

/** What the image has in /dev. */
const devicesOf = (tree: string) => `${tree}.dev`;
const databases = 'usr/lib/sysimage/rpm';
const isDatabase = (path: string) => path.startsWith(`/${databases}/`);
