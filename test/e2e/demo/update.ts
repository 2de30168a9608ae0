/** An update of one package of the demo's repository, with an advisory for it, in a copy of the repository. */
import { cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { temporaryShort, withWorkPlace } from '../../../spec/places.ts';
import { createRepodata } from '../../../spec/repodata.ts';
import { rpmbuildText } from '../../../spec/rpmbuild.ts';
import { closeKey, signPackages, type SigningKey } from '../../../spec/signing.ts';
import { run } from '../../../src/lib/host/exec.ts';

export const updatedPackage = 'libncursesw6';
const keyName = 'RPM-GPG-KEY-milliner-demo';

/** The demo can be run again: what it takes its packages from stays as it is. */
export function copyRepository(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  cpSync(join(from, 'keys'), join(to, 'keys'), { recursive: true });
  cpSync(join(from, 'packages'), join(to, 'packages'), { recursive: true });
}

/** The same files, which is enough for a package to count as another one. Gives its NEVRA. */
export async function updatePackage(repository: string): Promise<string> {
  const packages = join(repository, 'packages');
  const file = readdirSync(packages).find((name) => name.startsWith(`${updatedPackage}-`))!;
  const old = join(packages, file);
  const release = await query(old, '%{RELEASE}');
  const next = String(Number(/^\d+/.exec(release)![0]) + 1);
  const spec = await specOf(old, next);
  await withWorkPlace(async () => {
    const build = { sources: packages, epoch: Number(await query(old, '%{BUILDTIME}')) + 86_400 };
    const [built] = await rpmbuildText(updatedPackage, spec, { ...build, paths: { old } }, packages);
    await signAs(join(repository, 'keys'), join(packages, built!));
  });
  rmSync(join(packages, 'repodata'), { recursive: true });
  await createRepodata(packages);
  await addAdvisory(packages, await query(old, '%{VERSION}'), next);
  return query(old, `%{NAME}-%{VERSION}-${next}.%{ARCH}`);
}

async function query(path: string, format: string): Promise<string> {
  return (await run('rpm', ['-qp', '--nosignature', '--qf', format, path])).stdout;
}

async function specOf(old: string, release: string): Promise<string> {
  const requires = await query(old, '[%{REQUIRENAME} %{REQUIREFLAGS:depflags} %{REQUIREVERSION}\n]');
  const kept = requires.split('\n').filter((line) => line !== '' && !line.startsWith('rpmlib('));
  const name = await query(old, 'Name: %{NAME}\nVersion: %{VERSION}\nLicense: %{LICENSE}\nURL: %{URL}\n');
  return `${name}Release: ${release}
Summary: ${await query(old, '%{SUMMARY}')}
AutoReqProv: no
${kept.map((line) => `Requires: ${line.trim()}`).join('\n')}
%description
As before, built again.
%install
mkdir -p %{buildroot}
cd %{buildroot}
rpm2archive -n - <%{old} | tar -x
%files
/*
%changelog
* Sat Nov 28 2026 Milliner demo <demo@milliner.invalid> - ${release}
- Fix CVE-2026-0001
`;
}

async function signAs(keys: string, path: string): Promise<void> {
  const home = await temporaryShort('gpg');
  const gpg = ['--homedir', home, '--batch', '--quiet'];
  await run('gpg', [...gpg, '--import', join(keys, `${keyName}.private`)]);
  const { stdout } = await run('gpg', [...gpg, '--with-colons', '--fingerprint']);
  const key: SigningKey = { home, fingerprint: /^fpr:+([0-9A-F]{40}):$/m.exec(stdout)![1]! };
  try {
    await signPackages(key, [path]);
  } finally {
    await closeKey(key);
  }
}

async function addAdvisory(packages: string, version: string, release: string): Promise<void> {
  const fixed = `<package name="${updatedPackage}" epoch="0" version="${version}" release="${release}" arch="x86_64"/>`;
  const path = join(packages, 'updateinfo.xml');
  writeFileSync(
    path,
    `<updates><update type="security"><id>DEMO-2026-1</id><title>CVE-2026-0001</title><severity>Important</severity>
<pkglist><collection>${fixed}</collection></pkglist></update></updates>`,
  );
  await run('modifyrepo_c', [path, join(packages, 'repodata')]);
  rmSync(path);
}
