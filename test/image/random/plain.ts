/** What rpm alone leaves in a plain directory, image on image: of the packages that could be, those that it installs. */
import { execFile } from 'node:child_process';
import { cp, mkdir, readdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { native } from '../../../src/host/native.ts';
import { composePackage } from '../../rpm/compose.ts';
import type { Tiny } from '../../tiny/tiny.ts';
import { attempts, images, type Generation, type ImageName, type RandomSet, type TimesOf } from './set.ts';

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
}

export async function plainImages(set: RandomSet, tiny: Tiny, work: string): Promise<PlainImage[]> {
  const made: PlainImage[] = [];
  for (const image of images) made.push(await plainImage(set, image, tiny, work, made.at(-1)?.tree));
  return made;
}

async function plainImage(
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
      await install(repository, tree, set.docs);
      return { ...generation, image, repository, tree, refused: attempt, timesOf: set.accept(generation) };
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
  if (below !== undefined) {
    await run('cp', ['-a', '--reflink=auto', below, tree]);
    return;
  }
  await mkdir(join(tree, 'dev'), { recursive: true });
  await native().mknod(Buffer.from(join(tree, 'dev/null')), 0o020666, 1, 3);
}

async function install(repository: string, tree: string, docs: boolean): Promise<void> {
  // In the order in which a build gives them to rpm.
  const files = (await readdir(repository)).toSorted().map((name) => join(repository, name));
  const options = ['--nosignature', '--noplugins', '--define', '_db_backend sqlite'];
  if (!docs) options.push('--excludedocs');
  const where = ['--root', tree, '--dbpath', '/usr/lib/sysimage/rpm'];
  const env = { ...process.env, LC_ALL: 'C.UTF-8', TZ: 'UTC' };
  const limits = { env, timeout: 60_000, killSignal: 'SIGKILL' as const };
  const { stderr } = await run('rpm', [...where, ...options, '-U', ...files], limits);
  if (complaint.test(stderr)) throw new Error(stderr);
}
