import { Args } from '@oclif/core';
import { MillinerCommand } from '../cli/base-command.ts';
import { sizeText } from '../cli/format-table.ts';
import { removeNames } from '../pipeline/instance/remove-names.ts';

export default class RmiCommand extends MillinerCommand {
  static override summary = 'Remove images from the state directory';
  static override description =
    'A name goes with all its generations, NAME@GENERATION alone, and a digest with all its names. Then what no other image needs is removed, as by milliner gc. Waits for running builds. What is published stays there (milliner retention).';
  static override examples = [
    '<%= config.bin %> rmi demo-mariadb',
    '<%= config.bin %> rmi demo-base@3 sha256:4f1c9a0e',
    '<%= config.bin %> rmi registry.example.com/fedora/mariadb:43',
  ];
  static override strict = false;
  static override usage = ['rmi IMAGE...'];
  static override args = {
    image: Args.string({
      required: true,
      description: 'a name, NAME@GENERATION or digest; several may be given',
    }),
  };

  async run(): Promise<object> {
    const { argv, flags } = await this.parse(RmiCommand);
    return this.withContext(flags, async (context) => {
      const removed = await removeNames(context, argv as string[]);
      for (const name of removed.images) this.log(name);
      this.logToStderr(`removed ${removed.blobs} blobs, ${sizeText(removed.bytes)}`);
      return removed;
    });
  }
}
