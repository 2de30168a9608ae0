/** Advisories for the repository of a test. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../src/lib/host/exec.ts';

interface WantedAdvisory {
  id: string;
  type: string;
  severity: string;
  bug?: string;
  /** NAME-VERSION-RELEASE.ARCH */
  packages: string[];
}

export async function addUpdateinfo(
  repository: string,
  advisories: readonly WantedAdvisory[],
): Promise<void> {
  const packageOf = (nevra: string) => {
    const [, name, version, release, arch] = /^(.+)-(.+)-(.+)\.(.+)$/.exec(nevra)!;
    return `<package name="${name}" version="${version}" release="${release}" arch="${arch}"><reboot_suggested>1</reboot_suggested></package>`;
  };
  const text = advisories.map(
    ({ id, type, severity, bug = '', packages }) =>
      `<update type="${type}"><id>${id}</id><title>${id}</title><severity>${severity}</severity>
       <references><reference type="bugzilla" id="1" href="https://bugs.invalid/1" title="${bug}"/></references>
       <pkglist><collection>${packages.map(packageOf).join('')}</collection></pkglist></update>`,
  );
  const path = join(repository, 'updateinfo.xml');
  await writeFile(path, `<updates>${text.join('')}</updates>`);
  await run('modifyrepo_c', [path, join(repository, 'repodata')]);
}
