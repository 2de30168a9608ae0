import { Args } from '@oclif/core';
import { archFlag } from '../../cli/arch-flag.ts';
import { MillinerCommand } from '../../cli/base-command.ts';
import { renderFiles } from '../../pipeline/check/render-files.ts';

export default class RecipeRenderCommand extends MillinerCommand {
  static override summary = "Show a recipe's files as they will be in the image";
  static override description =
    'Fills the templates of a recipe with its values and prints them. Needs no root, downloads nothing and writes nothing.';
  static override examples = [
    '<%= config.bin %> recipe render demo-product',
    '<%= config.bin %> recipe render demo-product /etc/demo-product/server.conf',
  ];
  static override args = {
    recipe: Args.string({ required: true, description: 'a recipe file, or a name in recipes/' }),
    file: Args.string({ description: 'path in the image, or name of the template; without it, all files' }),
  };
  static override flags = { arch: archFlag };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(RecipeRenderCommand);
    const files = await renderFiles(args.recipe, args.file, flags.arch);
    for (const { path, mode, owner, content } of files) {
      if (args.file === undefined) this.log(`${path} (${mode} ${owner})`);
      this.log(content.replace(/\n$/, ''));
    }
    return { files };
  }
}
