import { Args, Flags } from '@oclif/core';
import { archFlag } from '../cli/arch-flag.ts';
import { MillinerCommand } from '../cli/base-command.ts';
import { saveImage } from '../pipeline/transfer/save-image.ts';

export default class SaveCommand extends MillinerCommand {
  static override summary = 'Write an image into one file, as an archive of an OCI layout';
  static override description =
    'podman load, skopeo (oci-archive:FILE) and milliner load read it. The same image gives the same file. It has no signature: hand the digest over by another way.';
  static override examples = [
    '<%= config.bin %> save demo-base --output demo-base.tar',
    '<%= config.bin %> load --input demo-base.tar --digest sha256:4f1c...',
  ];
  static override args = {
    image: Args.string({ required: true, description: 'a name, NAME@GENERATION or digest' }),
  };
  static override flags = {
    arch: archFlag,
    output: Flags.string({ char: 'o', summary: 'the file', helpValue: 'FILE', required: true }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(SaveCommand);
    return this.withContext(flags, async (context) => {
      const { name, manifestDigest } = await saveImage(context, args.image, flags);
      this.log(manifestDigest);
      return { name, manifestDigest, output: flags.output };
    });
  }
}
