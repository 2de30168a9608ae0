/** dnf as the oracle of updates and of images on bases: what is installed once it is through. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { run } from '../../../src/lib/host/exec.ts';

interface Upgrade {
  /** NEVRAs, of packages that the repository has. */
  installed: readonly string[];
  /** What was asked for; everything else was installed as a dependency. */
  asked: readonly string[];
  upgrade: string;
}

/** NEVRAs, sorted. */
export async function upgradeWithDnf(
  repository: string,
  { installed, asked, upgrade }: Upgrade,
): Promise<string[]> {
  return inRoot(async (dnf, list) => {
    const files = (await readdir(repository)).filter((name) => name.endsWith('.rpm'));
    const wanted = installed.map((nevra) => {
      const file = files.find((name) => name.replace('-0-', '-') === `${nevra}.rpm`);
      if (file === undefined) throw new Error(`the repository has no ${nevra}`);
      return join(repository, file);
    });
    await dnf(repository, 'install', ...wanted);
    const dependencies = installed.filter((nevra) => !asked.some((word) => nevra.startsWith(`${word}-`)));
    await dnf(repository, 'mark', 'remove', ...dependencies);
    await dnf(repository, 'upgrade', upgrade);
    await dnf(repository, 'autoremove');
    return list();
  });
}

/** NEVRAs, sorted, after `dnf install` of each in turn; undefined of the first that dnf finds no answer for, and after it. */
export async function installWithDnf(
  turns: readonly {
    repository: string;
    words: readonly string[];
    best: boolean;
  }[],
): Promise<(string[] | undefined)[]> {
  return inRoot(async (dnf, list) => {
    const after: (string[] | undefined)[] = [];
    for (const { repository, words, best } of turns) {
      const before = after.length > 0 ? after.at(-1) : [];
      const hasAnswer =
        before !== undefined &&
        (await dnf(repository, `--setopt=best=${best}`, 'install', ...words).then(() => true, hasNoAnswer));
      after.push(hasAnswer ? await list() : undefined);
    }
    return after;
  });
}

/** dnf says 1 for all that goes wrong: only a question without an answer counts as one. */
function hasNoAnswer(error: unknown): false {
  if (!/^ Problem(?: \d+)?: |Unable to find a match/m.test(String(error))) throw error;
  return false;
}

type Dnf = (repository: string, ...args: string[]) => Promise<unknown>;

/** An empty root. Scriptlets and files play no part: only databases are written. */
async function inRoot<T>(fn: (dnf: Dnf, list: () => Promise<string[]>) => Promise<T>): Promise<T> {
  const directory = await mkdtemp(join(tmpdir(), 'dnf-root-'));
  const root = join(directory, 'root');
  const settings = {
    reposdir: '/nonexistent',
    cachedir: join(directory, 'cache'),
    install_weak_deps: 'false',
    gpgcheck: 'false',
    // dnf takes away the oldest kernel on its own account: an image has what it was asked for.
    installonly_limit: '0',
    tsflags: 'justdb',
  };
  const dnf: Dnf = (repository, ...args) =>
    run('dnf', [
      '-y',
      '--disableplugin=*',
      `--installroot=${root}`,
      '--releasever=1',
      '--forcearch=x86_64',
      ...Object.entries(settings).map(([key, value]) => `--setopt=${key}=${value}`),
      `--repofrompath=${basename(repository)},file://${repository}`,
      ...args,
    ]);
  const list = async () => {
    const { stdout } = await run('rpm', ['--root', root, '-qa', '--qf', '%{NEVRA}\\n']);
    return stdout.split('\n').filter(Boolean).toSorted();
  };
  try {
    return await fn(dnf, list);
  } finally {
    await rm(directory, { recursive: true });
  }
}
