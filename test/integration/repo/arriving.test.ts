/** Packages are used as they arrive in the store: each is read once, and none is taken for another. */
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readPackage } from '../../../src/lib/rpm/package.ts';
import { verifySignatures } from '../../../src/lib/rpm/package-signature.ts';
import { ArrivingPackages } from '../../../src/pipeline/packages/arriving.ts';
import type { StateContext } from '../../../src/pipeline/state/context.ts';
import { ContentStore } from '../../../src/stages/content/store.ts';
import type { LockedPackage } from '../../../src/stages/lock/lock-file.ts';
import type { LoadedRecipe } from '../../../src/stages/recipe/load.ts';
import { build, familySpec, signingKey, type SigningKey } from '../../helpers/rpm/fixtures.ts';

let directory: string;
let key: SigningKey;
let locked: LockedPackage[];

beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), 'mill-arriving-'));
  key = await signingKey(directory, 'ours');
  const paths = await build(directory, familySpec(['a', 'b', 'c']));
  await key.sign(paths);
  locked = await Promise.all(paths.map(lockedOf));
});
afterAll(async () => {
  await key.close();
  await rm(directory, { recursive: true, force: true });
});

async function lockedOf(path: string): Promise<LockedPackage> {
  const { nevra, name, epoch, version, release, arch } = await readPackage(path);
  const sha256 = createHash('sha256')
    .update(await readFile(path))
    .digest('hex');
  const { size } = await stat(path);
  const url = pathToFileURL(path).href;
  return { nevra, name, epoch, version, release, arch, repo: 'ours', url, size, sha256 } as LockedPackage;
}

const recipe = { lockPath: '/recipe.lock.json', recipe: { repos: [] } } as unknown as LoadedRecipe;

async function fetchAll(name: string, packages: readonly LockedPackage[]) {
  const state = join(directory, name);
  const progress = { step() {}, update() {}, warn() {} };
  const context = { state, content: await ContentStore.open(state), progress } as unknown as StateContext;
  const arriving = new ArrivingPackages(packages);
  return { arriving, fetched: arriving.fetch(context, recipe, 'x86_64') };
}

test('signatures are checked while packages arrive, with the head that was read', async () => {
  const { arriving, fetched } = await fetchAll('good', locked);
  const heads: string[] = [];
  const headOf = (path: string) => {
    heads.push(path);
    return arriving.head(path);
  };
  const files = locked.map((one) => () => arriving.path(one));
  const verified = await verifySignatures(files, { keys: [{ file: key.publicFile }], headOf });
  await fetched;
  expect(verified.map(({ path }) => path)).toEqual(heads);
  expect((await arriving.read(locked[1]!)).nevra).toBe(locked[1]!.nevra);
  expect(await arriving.read(locked[1]!)).toBe(await arriving.read(locked[1]!));
  expect((await arriving.read(locked[1]!)).header).toBe((await arriving.head(heads[1]!)).header);
});

test('a package that cannot be had fails those who wait for another', async () => {
  const gone = {
    ...locked[0]!,
    sha256: '0'.repeat(64),
    url: pathToFileURL(join(directory, 'gone.rpm')).href,
  };
  const { arriving, fetched } = await fetchAll('gone', [gone, ...locked]);
  const waiting = arriving.path(gone);
  await expect(fetched).rejects.toMatchObject({ code: 'REPO_UNAVAILABLE' });
  await expect(waiting).rejects.toMatchObject({ code: 'REPO_UNAVAILABLE' });
});

test('a file that is another package than the lock names is refused', async () => {
  const [a, b] = locked as [LockedPackage, LockedPackage];
  const other = { ...a, nevra: b.nevra };
  const { arriving, fetched } = await fetchAll('other', [other]);
  await fetched;
  const details = { package: b.nevra, found: a.nevra };
  await expect(arriving.read(other)).rejects.toMatchObject({ code: 'PACKAGE_INVALID', details });
});
