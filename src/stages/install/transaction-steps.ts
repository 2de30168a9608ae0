/**
 * How a decision becomes transactions of rpm. `rpm -U` erases every older package of a name, `rpm -i` none, and neither
 * takes both kinds at once: dnf, which sets this for each package of one transaction, has librpm for it, of which a tool
 * root has the program alone. So it is one transaction wherever one will do, and else, in this order: what takes the
 * place of something (with what that needs), then what goes without a successor, then what stands beside another of its
 * name, with what needs that. In this order because kernels want the new userland there when their scriptlets run,
 * while nothing of the userland wants a kernel.
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
  /** NEVRAs of the base that go. */
  removed: readonly string[];
}

/** One, or two: the second is what must not take the place of the base's packages. */
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
  // Where nothing goes, -i does all that -U would.
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

/** Whether rpm -U would erase, or leave out, one of the two. Of one transaction rpm takes each architecture once. */
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

/** What stands beside, and what needs it, but for what a successor needs in its turn: that comes first. */
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

/** Rich dependencies are left out: rpm itself looks at all of them when everything is there. */
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
  // A set's walk meets what is added to it on the way.
  for (const one of reached) for (const next of edges.get(one) ?? []) reached.add(next);
  return reached;
}
