/** The ways of a table, in two transactions of this host's own rpm: what it said, and what was made of it. */
import { mkdir, mkdtemp } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { withWorkPlace } from '../../../spec/places.ts';
import { rpmbuildText } from '../../../spec/rpmbuild.ts';
import { MillinerError } from '../../../src/lib/errors/error.ts';
import { run } from '../../../src/lib/host/exec.ts';
import { silent } from '../../../src/lib/host/progress.ts';
import { readInstalledScriptlets } from '../../../src/lib/rpm/database.ts';
import { installedIn, databaseIn } from '../../../src/lib/rpm/image-database.ts';
import { readPackage, type RpmPackage } from '../../../src/lib/rpm/package.ts';
import { scriptletFailures, type ScriptletFailure } from '../../../src/stages/install/scriptlet-failures.ts';
import { checkTransaction } from '../../../src/stages/install/transaction-checks.ts';
import { runTransaction, type TransactionLog } from '../../../src/stages/install/transaction.ts';
import { removeScratch, unboundDisk } from '../../helpers/scratch.ts';
import { specOf, type Way } from './way.ts';

const dbPath = '/usr/lib/sysimage/rpm';
const arch = process.arch === 'arm64' ? 'aarch64' : 'x86_64';

export interface Performance {
  log: TransactionLog;
  failures: ScriptletFailure[];
  /** What ended the build; undefined where nothing did. */
  error: MillinerError | undefined;
  warnings: string[];
  /** NEVRAs. */
  installed: string[];
}

export async function perform(ways: readonly Way[]): Promise<Performance> {
  const directory = await mkdtemp('/var/tmp/milliner-ways-');
  try {
    const [first, second] = await withWorkPlace(() => build(ways, directory));
    const isLater = (one: RpmPackage) =>
      ways.some(({ name, event }) => name === one.name && event === 'install');
    const early = first!.filter((one) => !isLater(one));
    const target = join(directory, 'target');
    for (const name of ['dev', 'proc', 'sys']) await mkdir(join(target, name), { recursive: true });
    const before = await transact(directory, early, []);
    // Whatever is to fail does so in the second.
    checkTransaction(before, [], { scriptlets: [], owners: [] }, false);
    const log = await transact(directory, [...first!.filter(isLater), ...second!], early);
    return { log, ...judged(log), installed: await installedIn(target, dbPath) };
  } finally {
    await removeScratch(directory);
  }
}

function judged(log: TransactionLog): Pick<Performance, 'failures' | 'error' | 'warnings'> {
  const failures = scriptletFailures(log);
  try {
    const warnings = checkTransaction(log, [], { scriptlets: [], owners: [] }, false);
    return { failures, error: undefined, warnings };
  } catch (error) {
    if (!(error instanceof MillinerError)) throw error;
    return { failures, error, warnings: [] };
  }
}

async function build(ways: readonly Way[], directory: string): Promise<RpmPackage[][]> {
  const acts = join(directory, 'acts');
  await run('gcc', ['-static', '-Wall', '-Werror', '-O1', '-o', acts, join(import.meta.dirname, 'acts.c')]);
  const busybox = ['/bin/busybox', '/usr/sbin/busybox'].find((path) => existsSync(path));
  if (busybox === undefined) throw new Error('no busybox: install busybox-static');
  const versions: RpmPackage[][] = [];
  for (const version of [1, 2] as const) {
    const output = join(directory, `version-${version}`);
    const defines = { _binary_payload: 'w1.gzdio' };
    const sources = { sources: import.meta.dirname, epoch: 1_704_067_200, paths: { acts, busybox }, defines };
    const names = await rpmbuildText('ways', specOf(ways, version), sources, output);
    versions.push(await Promise.all(names.map((name) => readPackage(join(output, name)))));
  }
  return versions;
}

let sandboxes = 0;

async function transact(directory: string, packages: RpmPackage[], base: readonly RpmPackage[]) {
  const target = join(directory, 'target');
  const replaced = base.filter(({ name }) => packages.some((one) => one.name === name));
  const kept = base.filter((one) => !replaced.includes(one));
  const there = base.length > 0 ? await readInstalledScriptlets(await databaseIn(target, dbPath)) : [];
  const place = join(directory, `sandbox-${sandboxes++}`);
  await mkdir(place);
  const sandbox = {
    id: `milliner-ways-${process.pid}-${sandboxes}`,
    directory: place,
    toolRoot: '/',
    target,
  };
  return runTransaction(
    { ...sandbox, disk: unboundDisk, epoch: 0, memory: 2 * 1024 ** 3, timeout: 240_000 },
    {
      packages,
      dbPath,
      arch,
      docs: true,
      base: { retained: kept.map(({ nevra }) => nevra), removed: replaced.map(({ nevra }) => nevra) },
      installed: () => installedIn(target, dbPath),
      scripted: [
        ...packages.map((one) => ({ ...one, isInstalled: false })),
        ...there.map((one) => ({ ...one, isInstalled: true })),
      ],
      progress: silent,
    },
  );
}
