/** One package with one scriptlet: how it is written, when rpm runs it, and what it ends in. */

export interface Way {
  /** The package's name. */
  name: string;
  /** Section of the spec file without the package's name: post, triggerin, ... */
  section: string;
  /**
   * What runs it. `install`: it comes; `upgrade`: another version takes its place; `watch`: it stays, and the package
   * that it watches, or whose file, is replaced by another version.
   */
  event: 'install' | 'upgrade' | 'watch';
  body: string;
  /** As after -p; the shell where it is left out. */
  interpreter?: string;
  /** As rpm would put it, such as `exit status 3`; of a Lua scriptlet a part of its error. */
  status?: string;
}

/** Of each kind, when it runs, and on which condition of its own. NAME stands for the package. */
export const kinds: Record<string, { event: Way['event']; condition?: string }> = {
  pretrans: { event: 'install' },
  pre: { event: 'install' },
  post: { event: 'install' },
  posttrans: { event: 'install' },
  preun: { event: 'upgrade' },
  postun: { event: 'upgrade' },
  triggerprein: { event: 'watch', condition: 'NAME-watched' },
  triggerin: { event: 'install', condition: 'ways-base' },
  triggerun: { event: 'watch', condition: 'NAME-watched' },
  triggerpostun: { event: 'watch', condition: 'NAME-watched' },
  filetriggerin: { event: 'install', condition: '/usr/share/ways/NAME/' },
  filetriggerun: { event: 'watch', condition: '/usr/share/ways/NAME-watched/' },
  filetriggerpostun: { event: 'watch', condition: '/usr/share/ways/NAME-watched/' },
  transfiletriggerin: { event: 'install', condition: '/usr/share/ways/NAME/' },
  transfiletriggerun: { event: 'watch', condition: '/usr/share/ways/NAME-watched/' },
  transfiletriggerpostun: { event: 'watch', condition: '/usr/share/ways/NAME-watched/' },
};

export function wayOf(kind: string, name: string, body: string, rest: Partial<Way> = {}): Way {
  return { name, section: kind, event: kinds[kind]!.event, body, ...rest };
}

/** Shell, in %post. */
export const post = (name: string, body: string, status?: string): Way =>
  wayOf('post', name, body, status === undefined ? {} : { status });

export const lua = (kind: string, name: string, body: string, status?: string): Way =>
  wayOf(kind, name, body, { interpreter: '<lua>', ...(status !== undefined && { status }) });

/** Spec file text of one version of all of them. */
export function specOf(ways: readonly Way[], version: 1 | 2): string {
  return [
    'Name: ways',
    `Version: ${version}`,
    'Release: 1',
    'Summary: Packages with one scriptlet each',
    'License: Apache-2.0',
    'BuildArch: noarch',
    'AutoReqProv: no',
    '%description',
    'Only its subpackages are built.',
    ...(version === 1 ? base : []),
    '%install',
    'mkdir -p %{buildroot}/usr/share/ways',
    ...(version === 1 ? installBase : []),
    ...ways.map(
      ({ name }) =>
        `for name in ${name} ${name}-watched; do mkdir %{buildroot}/usr/share/ways/$name; echo >%{buildroot}/usr/share/ways/$name/file; done`,
    ),
    ...ways.flatMap((way) => packagesOf(way, version)),
    '',
  ].join('\n');
}

const base = [
  '%package -n ways-base',
  'Summary: A userland of one busybox, and programs that fail',
  // What has no package, rpm would not install anything for.
  'Provides: /bin/sh /usr/bin/sh /no/where',
  'AutoReqProv: no',
  '%description -n ways-base',
  'The merged /usr.',
  '%files -n ways-base',
  '/bin',
  '/sbin',
  '/etc',
  '/usr',
  '%exclude /usr/share/ways',
  '%dir /proc',
  '%dir /dev',
  '%dir /sys',
  '%attr(1777, root, root) %dir /tmp',
  '%attr(1777, root, root) %dir /var/tmp',
];

const installBase = [
  'cd %{buildroot}',
  'mkdir -p usr/bin usr/lib/sysimage/rpm usr/lib/ways etc dev proc sys tmp var/tmp',
  'for name in bin sbin; do ln -s usr/bin $name; done',
  'cp %{busybox} usr/bin/busybox',
  'for name in sh awk cat chmod dd echo head kill ln ls mkdir mv printf rm seq setsid sleep tail touch tr true false yes; do ln -s busybox usr/bin/$name; done',
  "printf 'root:x:0:0:root:/root:/bin/sh\\n' >etc/passwd",
  "printf 'root:x:0:\\n' >etc/group",
  'cp %{acts} usr/bin/acts',
  "printf '#!/bin/sh\\nexit 5\\n' >usr/lib/ways/exits",
  "printf '#!/no/where\\n' >usr/lib/ways/interpreter-of-nowhere",
  "printf 'neither ELF nor script' >usr/lib/ways/no-program",
  ': >usr/lib/ways/empty; cp usr/lib/ways/exits usr/lib/ways/not-executable',
  'chmod 755 usr/lib/ways/exits usr/lib/ways/interpreter-of-nowhere usr/lib/ways/no-program usr/lib/ways/empty',
  'chmod 644 usr/lib/ways/not-executable',
];

function packagesOf({ name, section, event, body, interpreter }: Way, version: 1 | 2): string[] {
  const condition = kinds[section]?.condition?.replace('NAME', name);
  const program =
    interpreter === undefined ? '' : ` -p ${/\s/.test(interpreter) ? `"${interpreter}"` : interpreter}`;
  const needs = 'Requires(pre): ways-base\nRequires: ways-base';
  const own = (file: string) => [`%files -n ${file}`, `/usr/share/ways/${file}`];
  const head = (one: string, summary: string) => [
    `%package -n ${one}`,
    `Summary: ${summary}`,
    needs,
    'AutoReqProv: no',
    `%description -n ${one}`,
    'See its name.',
  ];
  const isFileTrigger = condition?.startsWith('/') === true;
  const scriptlet = [
    `%${section} -n ${name}${program}${condition === undefined ? '' : ` -- ${condition}`}`,
    escaped(body),
  ];
  const watched = `${name}-watched`;
  // A trigger before an installation, which has to come later than the one who waits for it.
  const hasWatched = event === 'watch' && (version === 2 || section !== 'triggerprein');
  return [
    ...(version === 1 || event === 'upgrade' ? head(name, 'One scriptlet') : []),
    ...(version === 1 ? scriptlet : []),
    ...(version === 1 || event === 'upgrade' ? own(name) : []),
    ...(hasWatched ? head(watched, 'Watched') : []),
    // Removing the file is what a trigger on removal waits for.
    ...(hasWatched ? (version === 2 && isFileTrigger ? [`%files -n ${watched}`] : own(watched)) : []),
  ];
}

/** rpmbuild expands macros. */
const escaped = (body: string) => body.replaceAll('%', '%%');
