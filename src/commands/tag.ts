import { Args } from '@oclif/core';
import { MillinerCommand } from '../cli/base-command.ts';
import { tagImage, type GivenName } from '../pipeline/state/name-images.ts';

export default class TagCommand extends MillinerCommand {
  static override summary = 'Give an image of the state directory another name';
  static override description =
    'Of a recipe for several architectures, the images of all of them get it. A name that another image has moves to this one, as its next generation.';
  static override examples = [
    '<%= config.bin %> tag demo-base demo-base:tested',
    '<%= config.bin %> tag demo-base@3 demo-base:last-good',
    '<%= config.bin %> tag sha256:4f1c9a0e registry.example.com/fedora/base:43',
  ];
  static override args = {
    image: Args.string({ required: true, description: 'a name, NAME@GENERATION or digest' }),
    name: Args.string({ required: true, description: 'NAME[:TAG] or REGISTRY/REPOSITORY[:TAG]' }),
  };

  async run(): Promise<GivenName> {
    const { args, flags } = await this.parse(TagCommand);
    return this.withContext(flags, async (context) => {
      const given = await tagImage(context, args.image, args.name);
      this.log(given.name);
      return given;
    });
  }
}
