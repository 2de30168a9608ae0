/** The steps of a decision, carried out one after another by rpm. */
import type { RpmPackage } from '../../lib/rpm/package.ts';
import type { BasePackages, Step } from './transaction-steps.ts';

interface StepContext {
  packages: readonly RpmPackage[];
  base: BasePackages;
  /** NEVRAs that the database has by now. */
  installed: () => Promise<string[]>;
  /** Gives the exit code. */
  rpm: (...args: string[]) => Promise<number>;
  /** By NEVRA. */
  files: ReadonlyMap<string, string>;
}

/** Gives the first exit code that is not 0. */
export async function runSteps(
  steps: readonly Step[],
  { base, installed, packages, rpm, files }: StepContext,
): Promise<number> {
  // Architectures were solved for; rpm before 4.19 knows no x86_64_v2.
  // The target's keyring has no say in what was verified before, under the recipe's keys. Files are held to their
  // digests where they are laid into frames, on another core. What is older, than what goes or than what
  // stays beside it, is so because the lock says it.
  const run = ({ how, packages: some }: Step, ...options: string[]) =>
    rpm(
      '--nofiledigest',
      '--ignorearch',
      ...options,
      how === 'upgrade' ? '-Uv' : '-iv',
      '--oldpackage',
      // Sorted, because rpm breaks ties in its order by the order of its arguments.
      ...some
        .map(({ nevra }) => nevra)
        .toSorted()
        .map((nevra) => files.get(nevra)!),
    );
  const [only, ...others] = steps;
  if (only?.how === 'upgrade' && others.length === 0) return run(only);
  // Where packages go, rpm sees one step at a time, and what one needs another may have: it is asked about
  // dependencies at the end.
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

/** What only a package obsoletes that stands beside another of its name: -i erases nothing. */
async function stillInstalled(
  { removed }: BasePackages,
  installed: () => Promise<string[]>,
): Promise<string[]> {
  if (removed.length === 0) return [];
  const there = new Set(await installed());
  return removed.filter((nevra) => there.has(nevra));
}
