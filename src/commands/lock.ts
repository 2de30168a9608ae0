import { Args, Flags } from '@oclif/core';
import { MillinerCommand } from '../cli/command.ts';
import { offline } from '../cli/repositoryflags.ts';
import { openContext } from '../pipeline/context.ts';
import { updateCost } from '../pipeline/layerplan.ts';
import { lock } from '../pipeline/lock.ts';

export default class LockCommand extends MillinerCommand {
  static override summary = 'Solve a recipe and write down the answer';
  static override description =
    'Writes RECIPE.lock.json beside the recipe: every package of the image and of the tool root with its URL, size, sha256 and source RPM, and which packages share a layer. The layers of the last lock are kept: new packages join, nothing else moves. A base without a lock is locked too. Repositories are asked every time, and send what has changed; metadata older than what was seen before is refused.';
  static override examples = [
    '<%= config.bin %> lock recipes/fedora-base.yaml',
    '<%= config.bin %> lock demo-base --json',
    '<%= config.bin %> lock demo-base --offline',
    '<%= config.bin %> lock fedora-base --allow-older updates',
  ];
  static override args = {
    recipe: Args.string({ required: true, description: 'a recipe file, or a name in recipes/' }),
  };

  static override flags = {
    offline,
    'allow-older': Flags.string({
      summary:
        'a repository whose metadata may be older than what was seen of it; from then on that is what was seen',
      multiple: true,
      helpValue: 'NAME',
    }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(LockCommand);
    const { offline: isOffline, 'allow-older': allowOlder } = flags;
    const context = await openContext({ ...this.runOptions(flags), offline: isOffline, allowOlder });
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
