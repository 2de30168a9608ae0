import { Args } from '@oclif/core';
import { archFlag } from '../cli/arch-flag.ts';
import { MillinerCommand } from '../cli/base-command.ts';
import { shortDigest, sizeText, tableLines } from '../cli/format-table.ts';
import { layersOf, type LayerHistory } from '../pipeline/report/layer-history.ts';

export default class HistoryCommand extends MillinerCommand {
  static override summary = 'Show the layers of an image: what made each, and what it holds';
  static override description =
    'Newest layer first, as podman history shows them. For the images that a name has meant, see milliner log.';
  static override examples = [
    '<%= config.bin %> history demo-product',
    '<%= config.bin %> history sha256:4f1c9a0e --json',
  ];
  static override args = {
    image: Args.string({ required: true, description: 'a name, NAME@GENERATION or digest' }),
  };
  static override flags = { arch: archFlag };

  async run(): Promise<LayerHistory> {
    const { args, flags } = await this.parse(HistoryCommand);
    const history = await layersOf(this.runOptions(flags).state, args.image, flags.arch);
    const rows = history.layers.map(({ digest, size, madeBy, holds, packages }) => [
      shortDigest(digest),
      sizeText(size),
      madeBy,
      packages && packages.length > 0 ? packages.join(' ') : holds,
    ]);
    for (const line of tableLines(['LAYER', 'SIZE', 'MADE BY', 'HOLDS'], rows, process.stdout.columns))
      this.log(line);
    return history;
  }
}
