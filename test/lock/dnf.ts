/** dnf as the oracle of an update: what is installed once `dnf upgrade NAME` and `dnf autoremove` are through. */
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../../src/host/exec.ts';

interface Upgrade {
  /** NEVRAs, of packages that the repository has. */
  installed: readonly string[];
  /** What was asked for; everything else was installed as a dependency. */
  asked: readonly string[];
  upgrade: string;
}

/** NEVRAs, sorted. Scriptlets and files play no part: only databases are written. */
export async function upgradeWithDnf(
  repository: string,
  { installed, asked, upgrade }: Upgrade,
): Promise<string[]> {
  const directory = await mkdtemp(join(tmpdir(), 'dnf-upgrade-'));
  const root = join(directory, 'root');
  const files = (await readdir(repository)).filter((name) => name.endsWith('.rpm'));
  const dnf = (...args: string[]) =>
    run('dnf', [
      '-y',
      '--disableplugin=*',
      `--installroot=${root}`,
      '--releasever=1',
      '--forcearch=x86_64',
      '--setopt=reposdir=/nonexistent',
      `--setopt=cachedir=${join(directory, 'cache')}`,
      '--setopt=install_weak_deps=false',
      '--setopt=gpgcheck=false',
      '--setopt=tsflags=justdb',
      `--repofrompath=samples,file://${repository}`,
      ...args,
    ]);
  try {
    const wanted = installed.map((nevra) => {
      const file = files.find((name) => name.replace('-0-', '-') === `${nevra}.rpm`);
      if (file === undefined) throw new Error(`the repository has no ${nevra}`);
      return join(repository, file);
    });
    await dnf('install', ...wanted);
    const dependencies = installed.filter((nevra) => !asked.some((word) => nevra.startsWith(`${word}-`)));
    await dnf('mark', 'remove', ...dependencies);
    await dnf('upgrade', upgrade);
    await dnf('autoremove');
    const { stdout } = await run('rpm', ['--root', root, '-qa', '--qf', '%{NEVRA}\\n']);
    return stdout.trim().split('\n').toSorted();
  } finally {
    await rm(directory, { recursive: true });
  }
}
