import { Args } from '@oclif/core';
import { MillinerCommand } from '../cli/base-command.ts';
import { checkOut, type GivenName } from '../pipeline/state/name-images.ts';

export default class CheckoutCommand extends MillinerCommand {
  static override summary = 'Let a name mean a former generation of it again';
  static override description =
    'That image becomes the next generation, so that a checkout can be undone in the same way. The recipe and its lock stay as they are: the next build makes what they say.';
  static override examples = ['<%= config.bin %> log demo-base', '<%= config.bin %> checkout demo-base@3'];
  static override args = {
    image: Args.string({ required: true, description: 'NAME@GENERATION, as milliner log lists them' }),
  };

  async run(): Promise<GivenName> {
    const { args, flags } = await this.parse(CheckoutCommand);
    return this.withContext(flags, async (context) => {
      const given = await checkOut(context, args.image);
      for (const digest of Object.values(given.images)) this.log(digest);
      return given;
    });
  }
}
