import { resolve } from 'node:path';
import { Args, Flags } from '@oclif/core';
import { MillinerCommand } from '../cli/base-command.ts';
import { initialise } from '../pipeline/setup/init.ts';

export default class InitCommand extends MillinerCommand {
  static override summary = 'Write a first recipe and its repositories';
  static override description =
    "A copy of Milliner's own recipe for an image like Fedora's fedora-init, under your name, and Fedora's repositories with the fingerprints of its keys. The key files come from the package distribution-gpg-keys.";
  static override examples = [
    '<%= config.bin %> init my-base',
    '<%= config.bin %> init my-base --release 43 --directory ./images',
    '<%= config.bin %> init my-base --set',
  ];
  static override args = {
    name: Args.string({ required: true, description: 'name of the recipe and its image' }),
  };
  static override flags = {
    release: Flags.string({
      summary: 'Fedora release; the default is the one that recipes/fedora-init.yaml has',
    }),
    set: Flags.boolean({
      summary: 'write a release set too, milliner.yaml, for milliner nightly',
      default: false,
    }),
    directory: Flags.string({ summary: 'where recipes/ and templates/ go', default: '.' }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(InitCommand);
    const written = await initialise({
      directory: resolve(flags.directory),
      name: args.name,
      release: flags.release,
      withSet: flags.set,
    });
    for (const path of written) this.log(path);
    return { written };
  }
}
