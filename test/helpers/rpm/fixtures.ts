/** Small real packages, made with rpmbuild when a test needs them, and keys to sign them with. */
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../../src/lib/host/exec.ts';

/** As rpmbuild writes them in _binary_payload. */
export const payloads = ['w9.gzdio', 'w6.xzdio', 'w3.zstdio', 'w9.bzdio', 'w6.lzdio', 'w.ufdio'] as const;

export const everythingSpec = `
Name: everything
Version: 2~rc1
Release: 3^git4
Epoch: 7
Summary: A package with everything – naïve
License: MIT
BuildArch: noarch
Requires: bash >= 4, (zsh if tmux)
Requires(pre): coreutils
Conflicts: nothing < 1
Obsoletes: old < 2
Recommends: better
Suggests: maybe
Supplements: other
Enhances: another
%description
Everything.
%install
mkdir -p %{buildroot}/opt/every/private %{buildroot}/opt/every/many "%{buildroot}/opt/every/with space" %{buildroot}/etc
echo config > %{buildroot}/etc/every.conf
echo tool > %{buildroot}/opt/every/tool
echo capable > %{buildroot}/opt/every/capable
printf data > %{buildroot}/opt/every/hard1
ln %{buildroot}/opt/every/hard1 %{buildroot}/opt/every/hard2
ln %{buildroot}/opt/every/hard1 %{buildroot}/opt/every/private/hard3
ln -s ../tool %{buildroot}/opt/every/private/soft
: > %{buildroot}/opt/every/empty
echo accent > "%{buildroot}/opt/every/with space/é"
printf 'bytes' > "%{buildroot}/opt/every/$(printf 'caf\\351')"
head -c 3000000 /dev/zero | tr '\\0' 'z' > %{buildroot}/opt/every/large
for i in $(seq 1 600); do echo $i > %{buildroot}/opt/every/many/file-$i; done
%pre
echo pre
%post -p /sbin/ldconfig
%pretrans -p <lua>
print("pretrans")
%posttrans
echo posttrans
%verifyscript
true
%triggerin -- bash, zsh > 5
echo trigger
%filetriggerin -P 500 -- /usr/lib /usr/lib64
echo filetrigger
%transfiletriggerpostun -- /usr/share
echo transfiletrigger
%files
%config(noreplace) /etc/every.conf
%dir /opt/every
%dir %attr(0700,daemon,daemon) /opt/every/private
%attr(4755,root,daemon) /opt/every/tool
%caps(cap_net_raw,cap_net_admin=ep) /opt/every/capable
/opt/every/hard1
/opt/every/hard2
/opt/every/private/hard3
/opt/every/private/soft
/opt/every/empty
/opt/every/large
/opt/every/many
"/opt/every/with space"
/opt/every/caf*
%ghost %attr(0640,root,root) /var/log/every.log
%dev(c,1,3) %attr(0666,root,root) /opt/every/null
%changelog
* Mon Jan 06 2025 A Maintainer <a@example.com> - 7:2~rc1-3^git4
- Made
`;

/** Several small packages of one source, for databases. */
export function familySpec(names: readonly string[]): string {
  const body = (name: string) => `
%package -n ${name}
Summary: Member ${name}
%description -n ${name}
Member.
%files -n ${name}
/opt/family/${name}
`;
  return `
Name: family
Version: 1
Release: 1
Summary: A family
License: MIT
BuildArch: noarch
%description
A family.
%install
mkdir -p %{buildroot}/opt/family
${names.map((name) => `echo ${name} > %{buildroot}/opt/family/${name}`).join('\n')}
${names.map(body).join('')}`;
}

/** Builds a spec's binary packages below `directory` and gives their paths. */
export async function build(
  directory: string,
  spec: string,
  payload: string = 'w3.zstdio',
): Promise<string[]> {
  const top = join(directory, `build-${payload}`);
  await mkdir(top, { recursive: true });
  const file = join(top, 'package.spec');
  await writeFile(file, spec);
  const macros = {
    _topdir: top,
    _binary_payload: payload,
    _rpmdir: join(top, 'RPMS'),
    _tmppath: top,
    __os_install_post: '%{nil}',
    _invalid_encoding_terminates_build: '0',
    use_source_date_epoch_as_buildtime: '1',
  };
  const defines = Object.entries(macros).flatMap(([name, value]) => ['--define', `${name} ${value}`]);
  await run('rpmbuild', ['-bb', '--nodeps', '--quiet', ...defines, file], {
    env: { SOURCE_DATE_EPOCH: '1736160000', HOME: top },
  });
  const found = await readdir(join(top, 'RPMS'), { recursive: true });
  return found
    .filter((name) => name.endsWith('.rpm'))
    .toSorted()
    .map((name) => join(top, 'RPMS', name));
}

export interface SigningKey {
  fingerprint: string;
  /** gpg's. */
  home: string;
  publicFile: string;
  sign(packages: readonly string[]): Promise<void>;
  /** Adds a subkey that signs from now on, and writes the public file anew. */
  addSubkey(): Promise<void>;
  /** Ends the agent that gpg started. */
  close(): Promise<void>;
}

/** A fresh OpenPGP key in a home of its own. */
export async function signingKey(directory: string, name: string): Promise<SigningKey> {
  // The agent's socket lies in the home, and a socket's path may have 107 bytes.
  const home = join(directory, `gpg-${name}`);
  await mkdir(home, { mode: 0o700 });
  const env = { GNUPGHOME: home };
  const mail = `${name}@example.com`;
  const batch = ['--batch', '--passphrase', '', '--pinentry-mode', 'loopback'];
  await run('gpg', [...batch, '--quick-generate-key', mail, 'rsa2048', 'sign', 'never'], { env });
  const { stdout } = await run('gpg', ['--list-keys', '--with-colons', mail], { env });
  let signer = '';
  const fingerprint = /^fpr:+([0-9A-F]+):/m.exec(stdout)?.[1] ?? '';
  const publicFile = join(directory, `${name}.asc`);
  const exportKey = () =>
    run('gpg', ['--batch', '--yes', '--armor', '--output', publicFile, '--export', fingerprint], { env });
  await exportKey();
  return {
    fingerprint,
    home,
    publicFile,
    async sign(packages) {
      const defines = [
        '--define',
        '__gpg /usr/bin/gpg',
        '--define',
        `_gpg_name ${signer || fingerprint}`,
        '--define',
        `_gpg_path ${home}`,
      ];
      await run('rpmsign', [...defines, '--addsign', ...packages], { env });
    },
    async addSubkey() {
      await run('gpg', [...batch, '--quick-add-key', fingerprint, 'rsa2048', 'sign', 'never'], { env });
      const listed = await run('gpg', ['--list-keys', '--with-colons', mail], { env });
      // The exclamation mark keeps gpg from choosing another key of the set.
      signer = `${[...listed.stdout.matchAll(/^fpr:+([0-9A-F]+):/gm)].at(-1)?.[1]}!`;
      await exportKey();
    },
    async close() {
      await run('gpgconf', ['--kill', 'all'], { env });
    },
  };
}
