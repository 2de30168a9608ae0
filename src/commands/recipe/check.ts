import { Args } from '@oclif/core';
import { MillinerCommand } from '../../cli/base-command.ts';
import { shownPath } from '../../lib/yaml/mistakes.ts';
import { checkRecipes } from '../../pipeline/check/check-recipes.ts';

export default class RecipeCheckCommand extends MillinerCommand {
  static override summary = 'Find mistakes in recipes, stacks and release sets';
  static override description = `Checks keys, values, ports, files, repositories, keys of repositories, bases, templates and their values. If a recipe is
locked and its packages are on this host, also the units, programs and users that it names.

Needs no root, downloads nothing and writes nothing.`;
  static override examples = [
    '<%= config.bin %> recipe check',
    '<%= config.bin %> recipe check demo-base demo-product',
    '<%= config.bin %> recipe check demo.stack --json',
  ];
  static override strict = false;
  static override args = {
    name: Args.string({
      description:
        'a recipe, a stack (NAME.stack) or a release set; may be repeated; without it, all in recipes/',
    }),
  };

  async run(): Promise<object> {
    const { argv, flags } = await this.parse(RecipeCheckCommand);
    const checked = await checkRecipes(argv as string[], flags.state);
    for (const { path, notes } of checked) {
      this.log(`${shownPath(path)}: no mistakes`);
      for (const note of notes) this.log(`  ${note}`);
    }
    return { checked };
  }
}
