import { Args } from '@oclif/core';
import { MillinerCommand } from '../cli/command.ts';
import { openContext } from '../pipeline/context.ts';
import { lock } from '../pipeline/lock.ts';

export default class LockCommand extends MillinerCommand {
  static override summary = 'Solve a recipe and write down the answer';
  static override description =
    'Writes RECIPE.lock.json beside the recipe: every package of the image and of the tool root with its URL, size, sha256 and source RPM. A base without a lock is locked too.';
  static override examples = [
    '<%= config.bin %> lock recipes/fedora-base.yaml',
    '<%= config.bin %> lock demo-base --json',
  ];
  static override args = {
    recipe: Args.string({ required: true, description: 'a recipe file, or a name in recipes/' }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(LockCommand);
    const context = await openContext(this.runOptions(flags));
    try {
      const { lock: made, path } = await lock(context, args.recipe);
      const arches = Object.fromEntries(
        Object.entries(made.arches).map(([arch, answer]) => [
          arch,
          {
            packages: answer.packages.length,
            downloadSize: answer.packages.reduce((sum, one) => sum + one.size, 0),
            tools: Array.isArray(answer.tools) ? answer.tools.length : `host rpm ${answer.tools.host}`,
          },
        ]),
      );
      for (const [arch, { packages, downloadSize }] of Object.entries(arches)) {
        this.log(`${path}: ${arch}: ${packages} packages, ${(downloadSize / 1e6).toFixed(1)} MB`);
      }
      return { name: made.recipe, path, lockDigest: made.digest, arches };
    } finally {
      await context.close();
    }
  }
}
