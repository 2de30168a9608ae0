import { Args, Flags } from '@oclif/core';
import { MillinerCommand } from '../cli/base-command.ts';
import { commitInstance } from '../pipeline/build/commit-instance.ts';

export default class CommitCommand extends MillinerCommand {
  static override summary = 'Make an image of an instance that was changed by hand';
  static override description =
    'What has changed becomes one layer on the image of the instance, which is paused meanwhile. The image says who made it and when (history, inspect, and a label in its configuration), and so does what is built on it. It is published only after a boot, and with --allow-handmade: what is to stay belongs into a recipe.';
  static override examples = [
    '<%= config.bin %> commit 4f1c9a0e12ab demo-product:tried --message "a larger cache"',
    '<%= config.bin %> boot demo-product:tried',
  ];
  static override args = {
    instance: Args.string({ required: true, description: 'as run and ps show it' }),
    name: Args.string({ required: true, description: 'NAME[:TAG] of the image' }),
  };
  static override flags = {
    message: Flags.string({ char: 'm', summary: 'what was changed, and why', helpValue: 'TEXT' }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(CommitCommand);
    return this.withContext(flags, async (context) => {
      const { name, manifestDigest, cameBy } = await commitInstance(context, args.instance, {
        name: args.name,
        message: flags.message,
      });
      this.log(manifestDigest);
      return { name, manifestDigest, ...cameBy };
    });
  }
}
