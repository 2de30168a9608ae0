/** rpm's options, macros and package files. */
import { link, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { RpmPackage } from '../../lib/rpm/package.ts';
import type { Sandbox } from './sandbox.ts';

export interface RpmInputs {
  packages: RpmPackage[];
  /** Absolute path of the image's rpm database. */
  dbPath: string;
  arch: string;
  docs: boolean;
  /** Paths that rpm must skip, in the format of _netsharedpath. */
  shared?: string | undefined;
  languages?: string[] | undefined;
}

/** Only the tool root's tables and Milliner's macros count, no configuration of the host or the target. */
export function rpmOptions({ dbPath, shared }: Pick<RpmInputs, 'dbPath' | 'shared'>): string[] {
  return [
    '--rcfile=/usr/lib/rpm/rpmrc',
    '--macros=/usr/lib/rpm/macros:/milliner/macros',
    '--root=/target',
    `--dbpath=${dbPath}`,
    '--noplugins',
    ...(shared === undefined ? [] : ['--define', `_netsharedpath ${shared}`]),
  ];
}

/** Package and macro files, in directories that the sandbox shows. */
export async function makeInputs(sandbox: Sandbox, options: RpmInputs) {
  const packagesDirectory = join(sandbox.directory, 'packages');
  const configuration = join(sandbox.directory, 'milliner');
  await mkdir(packagesDirectory, { recursive: true });
  await mkdir(configuration, { recursive: true });
  await writeFile(join(configuration, 'macros'), macros(options));
  for (const { nevra, path } of options.packages) await link(path, join(packagesDirectory, fileName(nevra)));
  return {
    files: new Map(options.packages.map(({ nevra }) => [nevra, `/packages/${fileName(nevra)}`])),
    binds: [
      { source: packagesDirectory, target: '/packages' },
      { source: configuration, target: '/milliner' },
    ],
  };
}

function fileName(nevra: string): string {
  return `${nevra.replaceAll(/[^A-Za-z0-9:+~^._-]/g, '_')}.rpm`;
}

/** No signature checks: digests and signatures were verified before, under the recipe's own keys. */
function macros({ dbPath, docs, languages, arch }: RpmInputs): string {
  const multilib = arch.startsWith('x86_64') || arch === 's390x';
  return [
    `%_dbpath ${dbPath}`,
    '%_db_backend sqlite',
    '%_pkgverify_level none',
    `%_excludedocs ${docs ? 0 : 1}`,
    `%_install_langs ${languages ? languages.join(':') : 'all'}`,
    `%_transaction_color ${multilib ? 3 : 0}`,
    '%_prefer_color 2',
    '',
  ].join('\n');
}
