/** Provides, requires and their like: a name, a sense, a version. */
import type { Header, Refuse } from './header.ts';
import { headerTags, type HeaderTag } from './tags.ts';

/** Bits of a dependency's flags (rpm's RPMSENSE_*). */
export const sense = {
  less: 1 << 1,
  greater: 1 << 2,
  equal: 1 << 3,
  posttrans: 1 << 5,
  prereq: 1 << 6,
  pretrans: 1 << 7,
  interpreter: 1 << 8,
  pre: 1 << 9,
  post: 1 << 10,
  preun: 1 << 11,
  postun: 1 << 12,
  triggerIn: 1 << 16,
  triggerUn: 1 << 17,
  triggerPostUn: 1 << 18,
  missingOk: 1 << 19,
  rpmlib: 1 << 24,
  triggerPreIn: 1 << 25,
  config: 1 << 28,
} as const;

export interface Dependency {
  /** A capability, a file path, or a rich dependency in parentheses. */
  name: string;
  /** Bits of `sense`. */
  flags: number;
  /** [epoch:]version[-release]; empty where any version will do. */
  version: string;
}

export const dependencyKinds = {
  provides: 'PROVIDE',
  requires: 'REQUIRE',
  conflicts: 'CONFLICT',
  obsoletes: 'OBSOLETE',
  recommends: 'RECOMMEND',
  suggests: 'SUGGEST',
  supplements: 'SUPPLEMENT',
  enhances: 'ENHANCE',
} as const;
export type DependencyKind = keyof typeof dependencyKinds;

/** All dependencies of one kind in the header's order; missing version or flag arrays (old packages) read as none. */
export function readDependencies(header: Header, kind: DependencyKind, refuse: Refuse): Dependency[] {
  const stem = dependencyKinds[kind];
  const found = readTriples(header, `${stem}NAME`, `${stem}VERSION`, `${stem}FLAGS`, refuse);
  if (kind !== 'requires' || !header.has(headerTags.REQUIREFLAGS)) return found;
  // Old packages omit their provide of themselves; rpm adds it when it reads them.
  return found.map((one) =>
    one.name.startsWith('rpmlib(') ? { ...one, flags: one.flags | sense.rpmlib } : one,
  );
}

export function readTriples(
  header: Header,
  nameTag: HeaderTag,
  versionTag: HeaderTag,
  flagsTag: HeaderTag,
  refuse: Refuse,
): Dependency[] {
  const names = header.strings(headerTags[nameTag]);
  if (!names) return [];
  const versions = header.strings(headerTags[versionTag]);
  const flags = header.numbers(headerTags[flagsTag]);
  for (const [tag, values] of [[versionTag, versions] as const, [flagsTag, flags] as const]) {
    if (values && values.length !== names.length) {
      throw refuse(`${nameTag} has ${names.length} entries but ${tag} has ${values.length}`);
    }
  }
  return names.map((name, i) => ({ name, flags: flags?.[i] ?? 0, version: versions?.[i] ?? '' }));
}

export interface Account {
  kind: 'user' | 'group' | 'groupmember';
  /** NAME, for a member USER/GROUP. */
  name: string;
  /** The sysusers.d line that rpm 4.19 and later executes; absent if the package only owns files of that account. */
  line?: string;
}

const accountName = /^(user|group|groupmember)\((.+)\)$/;

/** Accounts that a package provides: rpm 4.19 and later makes them before it unpacks files. */
export function accountsOf(provides: readonly Dependency[]): Account[] {
  return provides.flatMap(({ name, version }) => {
    const match = accountName.exec(name);
    if (!match) return [];
    const [, kind, account] = match as unknown as [string, Account['kind'], string];
    // The line is base64 with trailing NULs for padding (rpm's fileattrs/sysusers).
    const line = Buffer.from(version, 'base64').toString('utf8').replace(/\0+$/, '');
    return [{ kind, name: account, ...(line && { line }) }];
  });
}
