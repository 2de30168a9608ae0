/** What the solver is asked of a recipe: the same when it is locked, and when its lock is explained. */
import type { Recipe } from '../../stages/recipe/schema.ts';
import { groupMembers, modulesOf, type OpenedRepository } from '../../stages/repo/repository.ts';
import { moduleFilter, type ModuleFilter } from '../../stages/solve/module-filter.ts';
import type { SolveRequest } from '../../stages/solve/solve.ts';
import type { StateContext } from '../state/context.ts';

/** Groups stand beside package names in a recipe. */
export const isGroup = (word: string) => word.startsWith('@');

/** What the recipe wants, whatever there is to choose from; the repositories say who belongs to a group. */
export async function wantedBy(
  recipe: Recipe,
  arch: string,
  repositories: readonly OpenedRepository[],
): Promise<Pick<SolveRequest, 'subject' | 'arch' | 'install' | 'members' | 'weakDeps'>> {
  return {
    subject: recipe.name,
    arch,
    install: recipe.packages.filter((word) => !isGroup(word)),
    members: await groupMembers(repositories, recipe.packages.filter(isGroup), arch),
    weakDeps: recipe.weakDeps,
  };
}

/** The same, to be chosen from the repositories as the recipe narrows them down. */
export async function solveRequest(
  context: StateContext,
  recipe: Recipe,
  arch: string,
  repositories: readonly OpenedRepository[],
): Promise<SolveRequest & { modules: ModuleFilter }> {
  const modules = moduleFilter(await modulesOf(repositories), recipe.modules ?? [], arch);
  const { exclude, pins } = recipe;
  const wanted = await wantedBy(recipe, arch, repositories);
  const { progress, sharing } = context;
  const planning = sharing?.planning;
  const shared = planning && { solver: planning.solve, knownCaches: planning.knownCaches };
  return { ...wanted, repositories, modules, exclude, pins, progress, ...shared };
}
