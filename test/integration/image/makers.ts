/** Sixty packages whose scriptlets do what is known of each: a specification for rpmbuild, and who made what. */

export interface Effects {
  spec: string;
  packages: string[];
  /** By path: the scriptlet that made it or changed it last, such as %post(m07). */
  makers: Map<string, string>;
  /** What no name may be given for: Lua scriptlets run inside of rpm, and what goes on in the background has no time. */
  untold: Map<string, string | undefined>;
}

interface Case {
  /** Sections of the spec file, %NAME for the package. */
  sections?: Record<string, string>;
  /** Files that it carries; `/usr/share/NAME/file` is there always. */
  files?: string[];
  /** By path the section that made it last; '' in place of the name of the package itself. */
  made?: Record<string, string>;
  untold?: string[];
}

const cases: ((name: string, before: string) => Case)[] = [
  (n) => ({ sections: { post: `echo >/srv/${n}` }, made: { [`/srv/${n}`]: '%post' } }),
  (n) => ({
    sections: { pre: `mkdir -p /srv/${n}/deep; echo >/srv/${n}/deep/file` },
    made: { [`/srv/${n}`]: '%pre', [`/srv/${n}/deep`]: '%pre', [`/srv/${n}/deep/file`]: '%pre' },
  }),
  (n) => ({ sections: { posttrans: `echo >/srv/${n}` }, made: { [`/srv/${n}`]: '%posttrans' } }),
  // The same body in two packages, which only their order tells apart.
  (_, before) => ({
    sections: { post: sharedBody(before) },
    made: { [`/srv/${before}.one`]: '%post' },
  }),
  () => ({
    sections: { post: '@@' },
    made: { [`/srv/@@.two`]: '%post' },
  }),
  (n, before) => ({
    sections: { [`triggerin -n ${n} -- ${before}`]: `echo >/srv/${n}` },
    made: { [`/srv/${n}`]: '%triggerin' },
  }),
  (n) => ({
    sections: { [`filetriggerin -n ${n} -- /usr/share/${n}`]: `cat >/srv/${n}` },
    made: { [`/srv/${n}`]: '%filetriggerin' },
  }),
  (n) => ({
    sections: { [`transfiletriggerin -n ${n} -- /usr/share/${n}`]: `cat >/srv/${n}` },
    made: { [`/srv/${n}`]: '%transfiletriggerin' },
  }),
  (n) => ({
    sections: { [`post -n ${n} -p <lua>`]: `io.open("/srv/${n}", "w"):close()` },
    untold: [`/srv/${n}`],
  }),
  (n) => ({
    sections: { post: `(sleep 0.01; echo >/srv/${n}.late) & echo >/srv/${n}` },
    made: { [`/srv/${n}`]: '%post' },
    untold: [`/srv/${n}.late`],
  }),
  (_, before) => ({
    sections: { post: `chmod 0600 /usr/share/${before}/file` },
    made: { [`/usr/share/${before}/file`]: '%post' },
  }),
  (n) => ({
    sections: { pre: `echo >/srv/${n}.old`, post: `mv /srv/${n}.old /srv/${n}` },
    made: { [`/srv/${n}`]: '%post' },
  }),
  // What lies in a directory that has been moved was not made there.
  (n) => ({
    sections: { pre: `mkdir /srv/${n}.old; echo >/srv/${n}.old/file`, post: `mv /srv/${n}.old /srv/${n}` },
    made: { [`/srv/${n}`]: '%post' },
    untold: [`/srv/${n}/file`],
  }),
  () => ({}),
  (n) => ({
    sections: { pre: `echo >/srv/${n}`, post: `ln /srv/${n} /srv/${n}.hard; ln -s ${n} /srv/${n}.soft` },
    made: { [`/srv/${n}`]: '%post', [`/srv/${n}.hard`]: '%post', [`/srv/${n}.soft`]: '%post' },
  }),
  (n) => ({
    sections: { post: `echo changed >/usr/share/${n}/file` },
    made: { [`/usr/share/${n}/file`]: '%post' },
  }),
  // A program without a script, of which there are two alike.
  (n) => ({ sections: { [`post -n ${n} -p /usr/bin/makes`]: '' } }),
  (n) => ({ sections: { [`post -n ${n} -p /usr/bin/makes`]: '' } }),
  // It speaks of much and does nothing.
  () => ({ sections: { post: `: /etc/passwd /etc/group /srv/m00 /usr/share/m00/file /srv/` } }),
  (n) => ({
    sections: { pre: `echo ${n} >>/srv/log`, post: `echo ${n} >>/srv/log` },
    made: { '/srv/log': '%post' },
  }),
];

/** Comes before them all: with the places they work in, and the program that some of them are. */
const ground = 'ground';
const nameOf = (i: number) => (i < 0 ? ground : `m${String(i).padStart(2, '0')}`);

/** Each needs the one before it: rpm's order is known. `turn` shifts what each of them does. */
export function makeEffects(count: number, turn: number): Effects {
  const makers = new Map<string, string>();
  const untold = new Map<string, string | undefined>();
  const packages = Array.from({ length: count }, (_, i) => nameOf(i));
  let shared: string | undefined;
  let programs = 0;
  const parts = packages.map((name, i) => {
    const before = nameOf(i - 1);
    const index = (i + turn) % cases.length;
    const { sections = {}, files = [], made = {}, untold: hidden = [] } = cases[index]!(name, before);
    // The second of the two that share a body; without its fellow before it, it is the first.
    const isAlone = index === 4 && shared === undefined;
    if (index === 3 || isAlone) shared = before;
    const texts = Object.entries(sections).map(([section, body]) => {
      const head = section.includes(' ') ? section : `${section} -n ${name}`;
      return `%${head}\n${body === '@@' ? sharedBody(shared!) : body}\n`;
    });
    for (const [path, section] of Object.entries(made)) {
      const shown = isAlone ? path.replace('.two', '.one') : path;
      makers.set(shown.replace('@@', shared ?? ''), `${section}(${name})`);
    }
    if (index === 16 || index === 17) makers.set(`/srv/made-${++programs}`, `%post(${name})`);
    // It changes what another has made.
    for (const path of hidden) untold.set(path, path.endsWith('.late') ? undefined : name);
    return partOf(name, before, texts, files);
  });
  const all = [ground, ...packages];
  const first = partOf(ground, 'tiny-base', [], ['%dir /srv', '/usr/bin/makes']);
  return { spec: specOf(all, [first, ...parts]), packages: all, makers, untold };
}

const sharedBody = (before: string) =>
  `[ -e /srv/${before}.one ] && echo >/srv/${before}.two || echo >/srv/${before}.one`;

function partOf(name: string, before: string, sections: string[], files: string[]): string {
  return [
    `%package -n ${name}`,
    'Summary: Its effects are known',
    `Requires(pre): ${before}`,
    `Requires: ${before}`,
    `%description -n ${name}`,
    'See its scriptlets.',
    ...sections,
    `%files -n ${name}`,
    `/usr/share/${name}`,
    ...files,
    '',
  ].join('\n');
}

function specOf(packages: string[], parts: string[]): string {
  return [
    'Name: makers\nVersion: 1\nRelease: 1\nSummary: Known effects\nLicense: Apache-2.0\nBuildArch: noarch\nAutoReqProv: no\n',
    '%description\nOnly its subpackages are built.\n',
    ...parts,
    '%install',
    'mkdir -p %{buildroot}/srv %{buildroot}/usr/bin',
    ...packages.map(
      (name) => `mkdir -p %{buildroot}/usr/share/${name}; echo ${name} >%{buildroot}/usr/share/${name}/file`,
    ),
    "cat >%{buildroot}/usr/bin/makes <<'END'",
    '#!/bin/sh',
    'i=1; while [ -e /srv/made-$i ]; do i=$((i + 1)); done; echo >/srv/made-$i',
    'END',
    'chmod 0755 %{buildroot}/usr/bin/makes',
    '',
  ].join('\n');
}
