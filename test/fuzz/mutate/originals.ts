/** What is sound before it is damaged: real packages, metadata, archives and databases, small ones. */
import { execFileSync } from 'node:child_process';
import { mkdirSync, readdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { withWorkPlace } from '../../../spec/places.ts';
import { rpmbuild } from '../../../spec/rpmbuild.ts';
import { nevraText } from '../../../src/lib/rpm/package.ts';
import { build, everythingSpec, familySpec, payloads } from '../../helpers/rpm/fixtures.ts';
import { repositoryOf } from '../../helpers/solve/packages.ts';
import { mainSamples } from '../../helpers/solve/samples.ts';
import { Originals } from './original-files.ts';
import { solveWith } from './solving.ts';

/** Fills an empty directory; takes some seconds. */
export async function makeOriginals(directory: string): Promise<Originals> {
  const scratch = join(directory, 'scratch');
  await mkdir(scratch);
  await makePackages(directory, scratch);
  await makeDatabase(directory, scratch);
  await makeMetadata(directory, scratch);
  makeArchives(directory, scratch);
  const originals = new Originals(directory);
  await solveOnce(originals, scratch);
  return originals;
}

/** The answer, and what is cached for the next question. */
async function solveOnce(originals: Originals, scratch: string): Promise<void> {
  const primary = join(scratch, 'primary.xml');
  writeFileSync(primary, originals.bytes('primary.xml'));
  const { packages } = await solveWith(originals, { primary });
  writeFileSync(originals.path('answer'), packages.map(nevraText).join('\n'));
  writeFileSync(originals.path('cached.solv'), readFileSync(`${primary}.solv`));
}

async function makePackages(directory: string, scratch: string): Promise<void> {
  for (const payload of payloads) {
    const [path = ''] = await build(scratch, everythingSpec, payload);
    writeFileSync(join(directory, `everything-${payload}.rpm`), readFileSync(path));
  }
  const sources = join(import.meta.dirname, '../mutants');
  const how = {
    spec: join(sources, 'mutant.spec'),
    sources,
    epoch: 1_704_067_200,
    defines: { outside: '/tmp' },
  };
  await withWorkPlace(() => rpmbuild(how, join(scratch, 'mutant')));
  writeFileSync(
    join(directory, 'mutant.rpm'),
    readFileSync(join(scratch, 'mutant', 'mutant-1-1.noarch.rpm')),
  );
}

async function makeDatabase(directory: string, scratch: string): Promise<void> {
  const family = await build(scratch, familySpec(['zeta', 'alpha', 'omega']), 'w9.gzdio');
  const root = join(scratch, 'root');
  const where = ['--root', root, '--dbpath', '/usr/lib/sysimage/rpm'];
  const how = ['--justdb', '--nodeps', '--noscripts', '--notriggers', '--nosignature', '--noplugins'];
  mkdirSync(root);
  execFileSync('rpm', ['-U', ...where, ...how, ...family, join(directory, 'mutant.rpm')], { stdio: 'pipe' });
  const database = readFileSync(join(root, 'usr/lib/sysimage/rpm/rpmdb.sqlite'));
  writeFileSync(join(directory, 'rpmdb.sqlite'), database);
}

async function makeMetadata(directory: string, scratch: string): Promise<void> {
  const repository = await repositoryOf(scratch, 'repository', mainSamples);
  const repodata = join(repository, 'repodata');
  for (const name of readdirSync(repodata)) {
    const bytes = readFileSync(join(repodata, name));
    const type = name.replace(/^[0-9a-f]+-/, '').replace(/\.gz$/, '');
    writeFileSync(join(directory, type), name.endsWith('.gz') ? gunzipSync(bytes) : bytes);
  }
  const app = readdirSync(repository).find((name) => name.startsWith('app-'));
  writeFileSync(join(directory, 'app.rpm'), readFileSync(join(repository, String(app))));
}

/** One tree as GNU tar writes it in each of its formats: long names, links of both kinds, holes, deletions. */
function makeArchives(directory: string, scratch: string): void {
  const tree = join(scratch, 'tree');
  mkdirSync(join(tree, 'd', 'sub'), { recursive: true });
  mkdirSync(join(tree, 'x'.repeat(90), 'y'.repeat(90)), { recursive: true });
  writeFileSync(join(tree, 'x'.repeat(90), 'y'.repeat(90), 'long'), 'long');
  writeFileSync(join(tree, 'd', 'f'), 'content\n'.repeat(200));
  writeFileSync(join(tree, 'd', '.wh.gone'), '');
  writeFileSync(join(tree, 'd', 'sub', '.wh..wh..opq'), '');
  symlinkSync('../outside', join(tree, 'up'));
  symlinkSync('sub', join(tree, 'd', 'link'));
  execFileSync('ln', [join(tree, 'd', 'f'), join(tree, 'd', 'hard')]);
  execFileSync('mknod', [join(tree, 'null'), 'c', '1', '3']);
  execFileSync('mkfifo', [join(tree, 'fifo')]);
  execFileSync('setfattr', ['-n', 'user.note', '-v', 'value', join(tree, 'd', 'f')]);
  for (const format of ['gnu', 'pax', 'ustar']) {
    const args = [`--format=${format}`, '--sort=name', ...(format === 'pax' ? ['--xattrs'] : [])];
    const file = join(directory, `${format}.tar`);
    execFileSync('tar', ['--create', `--file=${file}`, ...args, `--directory=${tree}`, '.'], {
      stdio: 'pipe',
    });
  }
}
