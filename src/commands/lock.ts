import { Args } from '@oclif/core';
import { MillinerCommand } from '../cli/command.ts';
import { openContext } from '../pipeline/context.ts';
import { updateCost } from '../pipeline/layerplan.ts';
import { lock } from '../pipeline/lock.ts';

export default class LockCommand extends MillinerCommand {
  static override summary = 'Solve a recipe and write down the answer';
  static override description =
    'Writes RECIPE.lock.json beside the recipe: every package of the image and of the tool root with its URL, size, sha256 and source RPM, and which packages share a layer. The layers of the last lock are kept: new packages join, nothing else moves. A base without a lock is locked too.';
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
      const { lock: made, path, costs, previous } = await lock(context, args.recipe);
      const arches = Object.fromEntries(
        Object.entries(made.arches).map(([arch, answer]) => [
          arch,
          {
            packages: answer.packages.length,
            downloadSize: answer.packages.reduce((sum, one) => sum + one.size, 0),
            layers: answer.layers.plan.length,
            expected: costs[arch]!,
            ...(previous?.arches[arch] && { update: updateCost(previous.arches[arch], answer) }),
            tools: Array.isArray(answer.tools) ? answer.tools.length : `host rpm ${answer.tools.host}`,
          },
        ]),
      );
      for (const [arch, { packages, downloadSize, layers, expected, update }] of Object.entries(arches)) {
        this.log(`${path}: ${arch}: ${packages} packages, ${megabytes(downloadSize)}`);
        this.log(
          `  ${layers} layers: an update is expected to cost ${megabytes(expected.update)}, its packages ${megabytes(expected.packages)}`,
        );
        if (update && update.packages > 0) {
          this.log(
            `  since the last lock: ${update.changedLayers} layers, ${megabytes(update.download)}, for ${megabytes(update.packages)} of packages`,
          );
        }
      }
      return { name: made.recipe, path, lockDigest: made.digest, arches };
    } finally {
      await context.close();
    }
  }
}

function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
