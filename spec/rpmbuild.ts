/** Runs rpmbuild so that the same spec and sources give the same bytes on any host. */
import { mkdir, open, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { run } from '../src/lib/host/exec.ts';
import { temporary } from './places.ts';

export interface Build {
  /** Path of the spec; its sources lie beside it unless `sources` says otherwise. */
  spec: string;
  sources: string;
  /** Seconds; becomes BUILDTIME. */
  epoch: number;
  /** The architecture of the packages, if it is not this host's. */
  target?: string;
  /** Further macros. */
  defines?: Record<string, string>;
  /** Macros that are paths of this host: files that the spec takes something from. */
  paths?: Record<string, string>;
}

/** Everything of the host's configuration that could show in a package. */
const macros: Record<string, string> = {
  _buildhost: 'demo.invalid',
  _binary_payload: 'w19.zstdio',
  _build_id_links: 'none',
  _buildshell: '/bin/bash',
  _binaries_in_noarch_packages_terminate_build: '0',
  _unpackaged_files_terminate_build: '0',
  __check_files: '%{nil}',
  __os_install_post: '%{nil}',
  __spec_install_post: '%{nil}',
  _enable_debug_packages: '0',
  debug_package: '%{nil}',
  _rpmfilename: '%%{NAME}-%%{VERSION}-%%{RELEASE}.%%{ARCH}.rpm',
  use_source_date_epoch_as_buildtime: '1',
  clamp_mtime_to_source_date_epoch: '1',
  source_date_epoch_from_changelog: '0',
  vendor: 'Milliner demo',
  dist: '%{nil}',
};

/** Stands for all of the above and for rpmbuild itself in the keys of what is kept. */
export async function rpmbuildKey(): Promise<string> {
  return JSON.stringify([macros, (await run('rpmbuild', ['--version'])).stdout]);
}

/** Builds the binary packages of a spec and moves them into `output`; gives their names. */
export async function rpmbuild(build: Build, output: string): Promise<string[]> {
  const top = await temporary('rpmbuild');
  const handle = await open(top, 'r');
  try {
    await mkdir(join(top, 'BUILD'));
    // rpm pastes paths into the shell's scripts as they are, where a space ends a word: the checkout's may have one.
    // Through an open directory every path is plain.
    const plain = `/proc/${process.pid}/fd/${handle.fd}`;
    const paths = { _sourcedir: build.sources, ...build.paths };
    await mkdir(join(top, 'paths'));
    for (const [name, path] of Object.entries(paths)) await symlink(path, join(top, 'paths', name));
    const definitions = {
      _topdir: plain,
      _rpmdir: join(plain, 'RPMS'),
      _tmppath: plain,
      ...macros,
      ...build.defines,
      ...Object.fromEntries(Object.keys(paths).map((name) => [name, join(plain, 'paths', name)])),
    };
    const defines = Object.entries(definitions).flatMap(([name, value]) => ['--define', `${name} ${value}`]);
    const target = build.target === undefined ? [] : ['--target', build.target];
    await run('rpmbuild', ['-bb', '--nodeps', '--quiet', ...target, ...defines, build.spec], {
      cwd: top,
      env: { SOURCE_DATE_EPOCH: String(build.epoch) },
    });
    const names = (await readdir(join(top, 'RPMS'))).toSorted();
    await mkdir(output, { recursive: true });
    for (const name of names) await run('mv', [join(top, 'RPMS', name), join(output, name)]);
    return names;
  } finally {
    await handle.close();
    await rm(top, { recursive: true, force: true });
  }
}

/** Writes a spec that exists only as text and builds it. */
export async function rpmbuildText(
  name: string,
  text: string,
  build: Omit<Build, 'spec'>,
  output: string,
): Promise<string[]> {
  const directory = await temporary('spec');
  try {
    const spec = join(directory, `${basename(name)}.spec`);
    await writeFile(spec, text);
    return await rpmbuild({ ...build, spec }, output);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}
