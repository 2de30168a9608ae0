import { Args, Flags } from '@oclif/core';
import { archFlag } from '../cli/arch-flag.ts';
import { MillinerCommand } from '../cli/base-command.ts';
import { writeFileAtomic } from '../lib/host/atomic-file.ts';
import { printableJson } from '../lib/host/printable.ts';
import { exportSbom, sbomFormats } from '../pipeline/publish/image-sbom.ts';

export default class SbomCommand extends MillinerCommand {
  static override summary = "Write an image's bill of materials";
  static override description =
    'The packages of its rpm database and its regular files, each with its digests and the layer that holds it, ' +
    'those of its bases included. The same document is signed and published with the image.';
  static override examples = [
    '<%= config.bin %> sbom demo-base',
    '<%= config.bin %> sbom demo-product --format cyclonedx --out product.cdx.json',
    '<%= config.bin %> sbom sha256:4f1c9a0e | jq .packages',
  ];
  static override args = {
    image: Args.string({ required: true, description: "a recipe's name or a manifest digest" }),
  };
  static override flags = {
    arch: archFlag,
    format: Flags.option({ options: sbomFormats })({
      summary: 'SPDX 2.3 or CycloneDX 1.6, in JSON',
      default: 'spdx',
    }),
    out: Flags.string({ summary: 'where to write it, instead of the standard output', helpValue: 'FILE' }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(SbomCommand);
    const document = await exportSbom(this.runOptions(flags), args.image, {
      format: flags.format,
      arch: flags.arch,
    });
    const text = `${JSON.stringify(document)}\n`;
    if (flags.out !== undefined) await writeFileAtomic(flags.out, text);
    else if (!this.jsonEnabled()) process.stdout.write(printableJson(text));
    return document;
  }
}
