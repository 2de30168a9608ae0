/** rpm -Va is the oracle: trees in each of which one attribute of one file was changed give its lines and no others. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { readRows, refuseDatabase } from '../../../../src/lib/rpm/database-process.ts';
import { databaseFile, installedFiles, type InstalledFiles } from '../../../../src/lib/rpm/database.ts';
import { readOwners } from '../../../../src/stages/install/accounts.ts';
import { packagedFiles } from '../../../../src/stages/layer/packages/packaged.ts';
import { treeOf } from '../../../../src/stages/layer/tree.ts';
import { EarlyDigests } from '../../../../src/stages/layer/verify/early-digests.ts';
import { hashTree } from '../../../../src/stages/layer/verify/hash-tree.ts';
import { verifyTree } from '../../../../src/stages/layer/verify/verify-tree.ts';
import { scanSnapshot } from '../../../../src/stages/snapshot/snapshotter.ts';
import { generator, pick } from '../../../helpers/random.ts';
import { composePackage } from '../../../helpers/rpm/compose.ts';
import { soak, today } from '../../../helpers/soak.ts';
import { copyTree, lineOf, rpmLines } from '../../../helpers/trees/verify-lines.ts';
import { alterations } from './alterations.ts';
import { packages, paths } from './packages.ts';

const work = mkdtempSync(join(tmpdir(), 'milliner-altered-'));
const base = join(work, 'base');
const dbPath = '/usr/lib/sysimage/rpm';
let rows: InstalledFiles[];

beforeAll(async () => {
  const how = ['--nodeps', '--nosignature', '--noplugins', '--replacefiles'];
  for (const one of packages) {
    const rpm = join(work, `${one.name}.rpm`);
    writeFileSync(rpm, composePackage(one));
    execFileSync('rpm', ['--root', base, '--dbpath', dbPath, '-U', ...how, rpm], { stdio: 'ignore' });
  }
  const database = join(base, dbPath, databaseFile);
  const refuse = refuseDatabase(database);
  rows = await installedFiles(readRows(database, refuse), new Map(), refuse);
});
afterAll(() => rmSync(work, { recursive: true }));

async function ourLines(root: string): Promise<string[]> {
  const tree = treeOf(await scanSnapshot(root));
  const installed = { root, tree, parent: undefined, epoch: 1, packaged: packagedFiles(rows, tree) };
  const owners = await readOwners(root);
  const differences = verifyTree({
    installed,
    packages: rows,
    contentOf: await hashTree(installed, EarlyDigests.begin(root, [])),
    ownerOf: ({ user, group }) => ({ uid: owners.uid(user), gid: owners.gid(group) }),
  });
  return differences.map(lineOf);
}

test('a tree as rpm has left it', async () => {
  expect(await ourLines(base)).toEqual(rpmLines(base, dbPath));
});

test('trees with one change each', async () => {
  const random = generator(today);
  const names = Object.keys(alterations);
  const wanted = soak ? 200 : 30;
  const different: Record<string, { rpm: string[]; ours: string[] }> = {};
  let [altered, reported] = [0, 0];
  while (altered < wanted) {
    const [name, path] = [pick(random, names), pick(random, paths)];
    const root = join(work, 'altered');
    copyTree(base, root);
    try {
      alterations[name]!({ root, path, place: join(root, path) });
      altered += 1;
      const [theirs, ours] = [rpmLines(root, dbPath), await ourLines(root)];
      if (theirs.length > 0) reported += 1;
      if (theirs.join('\n') !== ours.join('\n')) different[`${path}: ${name}`] = { rpm: theirs, ours };
    } catch (error) {
      if (!isRefused(error)) throw error;
    } finally {
      rmSync(root, { recursive: true });
    }
  }
  expect(different).toEqual({});
  // Most changes are ones that rpm reports, or the comparison would show little.
  expect(reported).toBeGreaterThan(wanted / 3);
});

/** The file has no such attribute. */
function isRefused(error: unknown): boolean {
  return error instanceof TypeError || (error as { status?: unknown }).status === 1 || isFileError(error);
}

const isFileError = (error: unknown) =>
  ['ENOENT', 'ENOTDIR', 'EISDIR', 'EINVAL', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '');
