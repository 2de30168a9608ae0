/** For `recipe render`: the files that a recipe writes, as they will be in the image. */
import { MillinerError } from '../../lib/errors/error.ts';
import { hostArch } from '../../lib/host/arch.ts';
import { didYouMean, nearest } from '../../lib/yaml/nearest.ts';
import { loadChain } from '../../stages/recipe/load.ts';
import { renderTemplate } from '../../stages/recipe/templates.ts';

interface RenderedFile {
  path: string;
  mode: string;
  owner: string;
  content: string;
}

/** Of the recipe alone, without its bases. Throws what loading recipes throws; USAGE for a file that it does not have. */
export async function renderFiles(
  nameOrPath: string,
  wanted: string | undefined,
  arch: string | undefined,
): Promise<RenderedFile[]> {
  const { recipe, templates } = (await loadChain(nameOrPath)).at(-1)!;
  const chosen = recipe.files.filter(
    ({ path, template }) => wanted === undefined || path === wanted || template === wanted,
  );
  if (wanted !== undefined && chosen.length === 0) {
    const names = recipe.files.flatMap(({ path, template }) => [path, template ?? path]);
    throw noFile(recipe.name, wanted, names);
  }
  return chosen.map(({ path, mode, owner, template, content = '' }) => ({
    path,
    mode,
    owner,
    content:
      template === undefined ? content : renderTemplate(templates.get(template)!, recipe, arch ?? hostArch()),
  }));
}

function noFile(recipe: string, wanted: string, names: string[]): MillinerError {
  const suggestion = nearest(wanted, names);
  const files = [...new Set(names)].join(', ');
  return new MillinerError('USAGE', `${recipe} has no file ${wanted}`, {
    hint: suggestion === undefined ? `Its files are ${files || 'none'}.` : didYouMean(suggestion),
    ...(suggestion !== undefined && { details: { suggestion } }),
  });
}
