/**
 * dnf's fail-safe for modular packages: a package whose header has a module is not installed if no module metadata
 * lists it. Without its module, nothing would hide other packages of its name or keep its versions together.
 */
import { MillinerError } from '../../lib/errors/error.ts';
import { headerTags } from '../../lib/rpm/tags.ts';
import type { Recipe } from '../../stages/recipe/schema.ts';
import type { ModuleFilter } from '../../stages/solve/module-filter.ts';
import type { Described } from './layer-plan.ts';

/** Throws SOLVE_FAILED with dnf's message. */
export function refuseOrphans(packages: Described, modules: ModuleFilter, { repos }: Recipe): void {
  const hotfixes = new Set(repos.filter(({ moduleHotfixes }) => moduleHotfixes).map(({ name }) => name));
  const shown = new Set(modules.shown);
  const orphans: { package: string; repo: string; module: string }[] = [];
  for (const [one, { header }] of packages) {
    const module = header.string(headerTags.MODULARITYLABEL) ?? '';
    const { name, epoch, version, release, arch, nevra, repo } = one;
    if (module === '' || hotfixes.has(repo)) continue;
    if (!shown.has(`${name}-${epoch}:${version}-${release}.${arch}`))
      orphans.push({ package: nevra, repo, module });
  }
  if (orphans.length === 0) return;
  const lines = orphans.map(
    ({ package: nevra }) =>
      `No available modular metadata for modular package '${nevra}', it cannot be installed on the system`,
  );
  const { repo, module } = orphans[0]!;
  throw new MillinerError('SOLVE_FAILED', lines.join('\n'), {
    hint: `Have the modules.yaml of module ${module}, which its header names, added to repository ${repo}, or set moduleHotfixes: true for that repository.`,
    details: { packages: orphans },
  });
}
