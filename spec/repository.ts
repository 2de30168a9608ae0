/**
 * Makes the offline RPM repository that demo and tests install from, once, and says where it is:
 *   node spec/repository.ts [--output DIR]
 * On stdout only the directory; the story on stderr. A complete repository of the same key is left as it is.
 */
import { existsSync } from 'node:fs';
import { copyFile, mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { MillinerError } from '../src/lib/errors/error.ts';
import { run } from '../src/lib/host/exec.ts';
import { buildBroken } from './broken.ts';
import { fetchClosure, suite } from './debian/archive.ts';
import { packages } from './debian/packages.ts';
import { repackage } from './debian/repackage.ts';
import { buildDemo } from './demo.ts';
import { sha256File, sha256Text } from './digest.ts';
import { fedoraRelease, fetchFedora } from './fedora.ts';
import { cache, withWorkPlace } from './places.ts';
import { createRepodata } from './repodata.ts';
import { say } from './say.ts';
import { closeKey, createKey, exportKey, signPackages, type SigningKey } from './signing.ts';

const onDebian = existsSync('/usr/bin/apt-get');
const publicKey = 'RPM-GPG-KEY-milliner-demo';

interface Description {
  /** Stands for everything the repository was made from. */
  key: string;
  /** Such as debian-trixie. */
  suite: string;
  arch: string;
  packages: number;
  keyFingerprint: string;
}

async function main(): Promise<void> {
  const { values } = parseArgs({ options: { output: { type: 'string' } } });
  const output = resolve(values.output ?? join(cache, 'repository'));
  const key = await recipeKey();
  if (!(await isComplete(output, key))) {
    await withWorkPlace(async () => {
      // The previous holder of the lock may have made it.
      if (!(await isComplete(output, key))) await make(output, key);
    });
  }
  process.stdout.write(`${output}\n`);
}

/** The tools' versions and every file of this directory that takes part. */
async function recipeKey(): Promise<string> {
  const versions = await Promise.all(
    ['rpm', 'createrepo_c'].map(async (program) => (await run(program, ['--version'])).stdout),
  );
  const files = (await readdir(import.meta.dirname, { recursive: true, withFileTypes: true }))
    .filter((entry) => entry.isFile() && !/^(README\.md|setup\.sh|.*\.test\.ts)$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .toSorted();
  const digests = await Promise.all(files.map(async (file) => [basename(file), await sha256File(file)]));
  return sha256Text(JSON.stringify([versions, digests]));
}

async function isComplete(output: string, key: string): Promise<boolean> {
  const path = join(output, 'repository.json');
  return existsSync(path) && (JSON.parse(await readFile(path, 'utf8')) as Description).key === key;
}

/** Built beside its final place and renamed, so that readers find a complete repository or none. */
async function make(output: string, key: string): Promise<void> {
  const started = Date.now();
  const work = `${output}.tmp`;
  await rm(work, { recursive: true, force: true });
  await mkdir(work, { recursive: true });
  const signing = await createKey('Milliner demo <demo@milliner.invalid>');
  try {
    const count = await fill(work, signing);
    await exportKey(signing, join(work, 'keys'), publicKey);
    const arch = (await run('rpm', ['--eval', '%_arch'])).stdout.trim();
    const description: Description = {
      key,
      suite: onDebian ? `debian-${suite}` : await fedoraRelease(),
      arch,
      packages: count,
      keyFingerprint: signing.fingerprint,
    };
    await writeFile(join(work, 'repository.json'), `${JSON.stringify(description, null, 2)}\n`);
    await rm(output, { recursive: true, force: true });
    await rename(work, output);
    say(`${count} packages in ${output}, made in ${Math.round((Date.now() - started) / 1000)} s`);
  } finally {
    await closeKey(signing);
    await rm(work, { recursive: true, force: true });
  }
}

/** Debian's packages made into RPMs, or Fedora's as they are. */
async function distributionPackages(): Promise<string[]> {
  if (!onDebian) return fetchFedora(join(cache, 'fedora'));
  const debs = await fetchClosure(packages, join(cache, 'debian'));
  return repackage(debs, join(cache, 'rpms'));
}

async function fill(work: string, signing: SigningKey): Promise<number> {
  const unsigned = await distributionPackages();
  const directory = join(work, 'packages');
  await mkdir(directory);
  for (const path of unsigned) await copyFile(path, join(directory, basename(path)));
  say('building the demo packages');
  await buildDemo(directory);
  const names = (await readdir(directory)).filter((name) => name.endsWith('.rpm'));
  say(`signing ${names.length} packages`);
  await signPackages(
    signing,
    names.map((name) => join(directory, name)),
  );
  await createRepodata(directory);
  await buildBroken(join(work, 'broken'), signing);
  return names.length;
}

// Readers see the modes of files that are made here.
process.umask(0o022);
await main().catch((error: unknown) => {
  if (!(error instanceof MillinerError)) throw error;
  say(`${error.code}: ${error.message}`);
  process.exitCode = error.exitCode;
});
