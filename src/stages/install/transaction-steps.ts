/**
 * Splits an installation into transactions of rpm. `rpm -U` erases every older package of a name, and `rpm -i` erases
 * none. One transaction cannot do both: dnf can with librpm, but a tool root has only the program. So there is one
 * transaction if possible. Otherwise the order is: packages that replace others, with their requirements; then removals
 * without a successor; then packages beside another of the same name, with packages that require them. Kernels come
 * last because their scriptlets need the new userland, while no userland package needs a kernel.
 */
import { dependencyMatches } from '../../lib/rpm/evr.ts';
import { parseNevra, type Nevra, type RpmPackage } from '../../lib/rpm/package.ts';

type Installing = Pick<RpmPackage, keyof Nevra | 'nevra' | 'requires' | 'provides' | 'obsoletes' | 'files'>;

export interface Step<P = RpmPackage> {
  how: 'upgrade' | 'install';
  packages: P[];
}

export interface BasePackages {
  /** NEVRAs of the base that stay. */
  retained: readonly string[];
  /** NEVRAs of the base that are removed. */
  removed: readonly string[];
}

/** One or two steps; the second has packages that must not replace those of the base. */
export function stepsOf<P extends Installing>(
  packages: readonly P[],
  { retained, removed }: BasePackages,
): Step<P>[] {
  const retainedPackages = retained.flatMap((nevra) => parseNevra(nevra) ?? []);
  const removedPackages = removed.flatMap((nevra) => parseNevra(nevra) ?? []);
  const beside = packages.filter((one) =>
    isInstalledBeside(one, packages, { staying: retainedPackages, going: removedPackages }),
  );
  if (beside.length === 0) return [{ how: 'upgrade', packages: [...packages] }];
  // Without removals, -i does everything that -U would.
  if (removedPackages.length === 0) return [{ how: 'install', packages: [...packages] }];
  const later = laterOf(packages, beside, removedPackages);
  const first = packages.filter((one) => !later.has(one));
  return [
    ...(first.length > 0 ? [{ how: 'upgrade' as const, packages: first }] : []),
    { how: 'install', packages: [...later] },
  ];
}

interface BaseNames {
  staying: Nevra[];
  going: Nevra[];
}

/**
 * Whether rpm -U would erase or skip one of the two. In one transaction rpm installs a name once for each architecture.
 */
function isInstalledBeside<P extends Installing>(
  one: P,
  all: readonly P[],
  { staying, going }: BaseNames,
): boolean {
  const isSameName = (other: P) =>
    other !== one &&
    other.name === one.name &&
    (other.arch === one.arch || other.arch === 'noarch' || one.arch === 'noarch');
  if (all.some(isSameName)) return true;
  if (going.some(({ name, arch }) => name === one.name && arch === one.arch)) return false;
  return staying.some(({ name }) => name === one.name);
}

/**
 * Packages beside another of their name, and those that require them, except what a successor requires: that comes
 * first.
 */
function laterOf<P extends Installing>(all: readonly P[], beside: readonly P[], going: Nevra[]): Set<P> {
  const needs = requirementsAmong(all);
  const neededBy = invert(needs);
  const isBeside = new Set(beside);
  const successors = all.filter((one) => !isBeside.has(one) && replacesInstalled(one, going));
  const early = closure(successors, needs);
  return new Set([...closure(beside, neededBy)].filter((one) => isBeside.has(one) || !early.has(one)));
}

function replacesInstalled({ name, obsoletes }: Installing, going: Nevra[]): boolean {
  return going.some(
    (other) => other.name === name || obsoletes.some((obsoleted) => obsoleted.name === other.name),
  );
}

/** Without rich dependencies: rpm itself checks all dependencies at the end. */
function requirementsAmong<P extends Installing>(all: readonly P[]): Map<P, Set<P>> {
  const providers = new Map<string, Set<P>>();
  const add = (name: string, one: P) => {
    const known = providers.get(name);
    if (known) known.add(one);
    else providers.set(name, new Set([one]));
  };
  for (const one of all) {
    for (const { name } of one.provides) add(name, one);
    for (const { path } of one.files) add(`/${path}`, one);
  }
  const meets = (other: P, wanted: Installing['requires'][number]) =>
    wanted.name.startsWith('/') || other.provides.some((has) => dependencyMatches(has, wanted));
  return new Map(
    all.map((one) => [
      one,
      new Set(
        one.requires.flatMap((wanted) =>
          [...(providers.get(wanted.name) ?? [])].filter((other) => other !== one && meets(other, wanted)),
        ),
      ),
    ]),
  );
}

function invert<T>(edges: ReadonlyMap<T, ReadonlySet<T>>): Map<T, Set<T>> {
  const inverted = new Map([...edges.keys()].map((one): [T, Set<T>] => [one, new Set()]));
  for (const [from, all] of edges) for (const to of all) inverted.get(to)!.add(from);
  return inverted;
}

function closure<T>(from: readonly T[], edges: ReadonlyMap<T, ReadonlySet<T>>): Set<T> {
  const reached = new Set(from);
  // A Set's iteration includes entries that are added during it.
  for (const one of reached) for (const next of edges.get(one) ?? []) reached.add(next);
  return reached;
}
