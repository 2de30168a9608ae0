/** A small corpus of the tiny packages, with what the real rpm, dnf and testsolv make of them as the truth. */
import { copyFile, mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { hostArch } from '../../../src/lib/host/arch.ts';
import { run } from '../../../src/lib/host/exec.ts';
import { askDnf } from '../../helpers/solve/dnf.ts';
import { appFile, tinyPackages } from '../../helpers/tiny/tiny.ts';

const program = join(import.meta.dirname, 'truth.py');
const arch = appFile.split('.').at(-2)!;
const packages = ['tiny-base', 'tiny-app', 'tiny-extra'].map((name) => `${name}-1.0-1.${arch}.rpm`);
/** What rpm refuses. */
const damaged = ['header-flipped', 'truncated-in-header', 'empty', 'not-an-rpm'];

/** What rpm's Python binding says, as text. */
async function ask(directory: string, ...args: string[]): Promise<string> {
  return (await run('python3', [program, ...args], { cwd: directory })).stdout;
}

const gzipped = (file: string, text: string) => writeFile(file, gzipSync(text));

export async function makeCorpus(directory: string): Promise<void> {
  const tiny = await tinyPackages();
  const folders = ['_oracle', '_vectors', '_keys', 'damaged', 'plain', 'repository', 'streams'];
  for (const name of [...folders, 'solver/testcases'])
    await mkdir(join(directory, name), { recursive: true });
  for (const place of ['plain', 'repository', 'streams']) {
    for (const name of packages) await copyFile(join(tiny.packages, name), join(directory, place, name));
  }
  for (const name of damaged)
    await copyFile(join(tiny.damaged, name, appFile), join(directory, 'damaged', `${name}.rpm`));
  await run('createrepo_c', ['--quiet', join(directory, 'repository')]);
  await writeModular(join(directory, 'streams'));
  await copyFile(tiny.key, join(directory, '_keys', 'RPM-GPG-KEY-tiny'));
  await writeHeaders(directory);
  await writeVectors(directory);
  await writeJobs(directory);
  await writeCases(join(directory, 'solver/testcases'));
  await writeTree(directory);
}

/** The same packages, one of which belongs to a stream that is not enabled. */
async function writeModular(directory: string): Promise<void> {
  await run('createrepo_c', ['--quiet', directory]);
  const path = join(directory, 'modules.yaml');
  await writeFile(
    path,
    `---
document: modulemd
version: 2
data:
  name: tiny
  stream: "1"
  version: 1
  context: c0
  arch: ${hostArch()}
  summary: x
  description: x
  license: { module: [MIT] }
  artifacts: { rpms: [tiny-extra-0:1.0-1.${arch}] }
`,
  );
  await run('modifyrepo_c', ['--mdtype=modules', path, join(directory, 'repodata')]);
}

async function writeHeaders(directory: string): Promise<void> {
  const names = (await readdir(directory, { recursive: true })).filter((name) => name.endsWith('.rpm'));
  const lines = await ask(directory, 'headers', ...names.toSorted());
  await gzipped(join(directory, '_oracle/tiny-header-truth.jsonl.gz'), lines);
}

async function writeVectors(directory: string): Promise<void> {
  const versions = ['1.0', '1.0.1', '1.0~rc1', '1.0', '1.0^git1', '1.0', 'a', '1', '2_0', '2.0'];
  const pairs = [
    [
      ['a', '=', '1.0-1'],
      ['a', '=', '1.0'],
    ],
    [
      ['a', '<', '1'],
      ['a', '>=', '1'],
    ],
    [['a'], ['b']],
    [
      ['a', '<=', '1:1'],
      ['a', '>', '2'],
    ],
  ];
  const table = await ask(directory, 'versions', ...versions);
  await writeFile(join(directory, '_vectors/rpmvercmp.tsv'), `# a, b, sign\n${table}`);
  const answers = await ask(directory, 'matching', JSON.stringify(pairs));
  await writeFile(join(directory, '_vectors/rpm-depmatch.json'), answers);
}

async function writeJobs(directory: string): Promise<void> {
  const repositories = { tiny: join(directory, 'repository') };
  const jobs = [];
  for (const install of [['tiny-extra'], ['tiny-app'], ['no-such-package']]) {
    const found = await askDnf({ repositories, install });
    const job = { id: install.join(' '), repos: ['tiny'], install, groups: [], weak: false, best: true };
    jobs.push({ ...job, ...(found ? { packages: found } : { error: 'no match' }) });
    // The same packages without metadata.
    if (found) jobs.push({ ...job, id: 'plain', repos: ['plain'], packages: found.map(inPlain) });
    const modular = await askDnf({ repositories: { streams: join(directory, 'streams') }, install });
    const answer = modular ? { packages: modular } : { error: 'no match' };
    jobs.push({ ...job, id: `modular ${job.id}`, repos: ['streams'], ...answer });
  }
  await gzipped(join(directory, '_oracle/tiny-depsolve.json.gz'), JSON.stringify({ jobs }));
  const places = { tiny: 'repository', plain: 'plain', streams: 'streams' };
  await writeFile(join(directory, '_oracle/repositories.json'), JSON.stringify(places));
}

const inPlain = (row: string) => row.replace(/ tiny$/, ' plain');

const cases: Record<string, string> = {
  answer: 'job install name A\n',
  none: 'job install name B\n',
};

async function writeCases(directory: string): Promise<void> {
  for (const [name, job] of Object.entries(cases)) {
    const file = join(directory, `${name}.t`);
    const repository = [
      '=Pkg: A 1 1 noarch',
      '=Req: C',
      '=Pkg: C 1 1 noarch',
      '=Pkg: B 1 1 noarch',
      '=Req: D',
    ];
    const text = `repo system 0 empty\nrepo test 0 testtags <inline>\n#>${repository.join('\n#>')}\nsystem x86_64 rpm system\n${job}`;
    await writeFile(file, text);
    await writeFile(file, text + (await run('testsolv', ['-rr', file])).stdout);
  }
}

/** Installed by the host's rpm as it is, in a plain directory. */
async function writeTree(directory: string): Promise<void> {
  const root = join(directory, '..', 'installed');
  await mkdir(root);
  const rpm = ['--root', root, '--dbpath', '/var/lib/rpm', '--define', '_db_backend sqlite'];
  const installed = packages.slice(0, 2);
  const files = installed.map((name) => join(directory, 'plain', name));
  await run('rpm', [...rpm, '--nosignature', '--noplugins', '-U', ...files]);
  const stem = join(directory, '_oracle/tiny');
  await writeFile(
    `${stem}.nevra`,
    installed.map((name) => `${name.replace(/-1\.0/, '-0:1.0').slice(0, -4)}\n`).join(''),
  );
  const verified = await run('rpm', [...rpm, '-Va', '--nodeps', '--noscripts'], { allow: [0, 1] });
  await writeFile(`${stem}.rpm-Va.txt`, verified.stdout);
  await gzipped(`${stem}-rootfs-scripts.tsv.gz`, await ask(directory, 'tree', root));
}
