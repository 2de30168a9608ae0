/** dnf as the oracle: what it would install from the same repositories. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../../../src/lib/host/exec.ts';

export interface DnfRequest {
  repositories: Record<string, string>;
  install: readonly string[];
  exclude?: readonly string[];
  weakDeps?: boolean;
}

/** NEVRA and repository, sorted; undefined where dnf finds no answer. */
export async function askDnf(request: DnfRequest): Promise<string[] | undefined> {
  const root = await mkdtemp(join(tmpdir(), 'dnf-'));
  const settings = {
    reposdir: '/nonexistent',
    cachedir: join(root, 'cache'),
    install_weak_deps: String(request.weakDeps ?? false),
    excludepkgs: (request.exclude ?? []).join(','),
    best: 'true',
    gpgcheck: 'false',
  };
  try {
    const result = await run(
      'dnf',
      [
        '--assumeno',
        '--disableplugin=*',
        `--installroot=${join(root, 'root')}`,
        '--releasever=1',
        '--forcearch=x86_64',
        ...Object.entries(settings).map(([key, value]) => `--setopt=${key}=${value}`),
        ...Object.entries(request.repositories).map(
          ([name, path]) => `--repofrompath=${name},file://${path}`,
        ),
        'install',
        ...request.install,
      ],
      { allow: [0, 1] },
    );
    return parseTable(result.stdout, Object.keys(request.repositories));
  } finally {
    await rm(root, { recursive: true });
  }
}

/** The table is wrapped to the terminal's width, so that only its words can be trusted. */
function parseTable(stdout: string, repositories: string[]): string[] | undefined {
  const end = stdout.indexOf('Transaction Summary');
  if (end === -1) return undefined;
  const words = stdout.slice(0, end).replaceAll(/\s+/g, ' ');
  const row = new RegExp(
    ` (\\S+) (noarch|x86_64|i686) (\\S+) (${repositories.join('|')}) [\\d.]+ [kM ]`,
    'g',
  );
  return [...words.matchAll(row)]
    .map(([, name, arch, evr, repository]) => {
      const full = String(evr).includes(':') ? evr : `0:${evr}`;
      return `${name}-${full}.${arch} ${repository}`;
    })
    .toSorted();
}
