/** Runs the steps of an installation one after another with rpm. */
import type { RpmPackage } from '../../lib/rpm/package.ts';
import type { BasePackages, Step } from './transaction-steps.ts';

interface StepContext {
  packages: readonly RpmPackage[];
  base: BasePackages;
  /** NEVRAs in the database now. */
  installed: () => Promise<string[]>;
  /** Returns the exit code. */
  rpm: (...args: string[]) => Promise<number>;
  /** Package files by NEVRA. */
  files: ReadonlyMap<string, string>;
}

/** Returns the first exit code that is not 0. */
export async function runSteps(
  steps: readonly Step[],
  { base, installed, packages, rpm, files }: StepContext,
): Promise<number> {
  // Checks that are done elsewhere are turned off. The solver has checked architectures, and rpm before 4.19 does not
  // know x86_64_v2. Signatures were verified with the recipe's keys, not with the target's keyring. File digests are
  // checked on another core while frames are made. --oldpackage, because the lock decides versions.
  const run = ({ how, packages: some }: Step, ...options: string[]) =>
    rpm(
      '--nofiledigest',
      '--ignorearch',
      ...options,
      how === 'upgrade' ? '-Uv' : '-iv',
      '--oldpackage',
      // Sorted, because rpm's order depends on that of its arguments where it is otherwise free.
      ...some
        .map(({ nevra }) => nevra)
        .toSorted()
        .map((nevra) => files.get(nevra)!),
    );
  const [only, ...others] = steps;
  if (only?.how === 'upgrade' && others.length === 0) return run(only);
  // With removed packages rpm gets one step at a time, and a step may need packages of a later one. So dependencies are
  // checked once at the end.
  const isSplit = base.removed.length > 0;
  for (const step of steps) {
    if (step.how === 'install') {
      const obsolete = await stillInstalled(base, installed);
      const erased = obsolete.length > 0 ? await rpm('-ev', '--nodeps', '--allmatches', ...obsolete) : 0;
      if (erased !== 0) return erased;
    }
    const exitCode = await run(step, ...(isSplit ? ['--nodeps'] : []));
    if (exitCode !== 0) return exitCode;
  }
  const nevras = packages.map(({ nevra }) => nevra);
  return isSplit ? rpm('-V', '--nofiles', '--nodigest', '--noscripts', ...nevras) : 0;
}

/** Packages that should be removed and are still installed: rpm -i erases nothing, also if a package obsoletes it. */
async function stillInstalled(
  { removed }: BasePackages,
  installed: () => Promise<string[]>,
): Promise<string[]> {
  if (removed.length === 0) return [];
  const there = new Set(await installed());
  return removed.filter((nevra) => there.has(nevra));
}
