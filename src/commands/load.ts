import { Flags } from '@oclif/core';
import { archFlag } from '../cli/arch-flag.ts';
import { MillinerCommand } from '../cli/base-command.ts';
import { loadArchive } from '../pipeline/transfer/load-images.ts';

export default class LoadCommand extends MillinerCommand {
  static override summary = 'Take images from an archive of an OCI layout into the state directory';
  static override description =
    'A file has no signature. So either the digest is known from elsewhere and given, or --unsigned says that any will do. Every blob is checked against its digest.';
  static override examples = [
    '<%= config.bin %> load --input demo-base.tar --digest sha256:4f1c9a0e12ab34cd56ef78901234567890abcdef1234567890abcdef12345678',
    '<%= config.bin %> load --input mine.tar --unsigned --name mine:1',
  ];
  static override flags = {
    arch: archFlag,
    input: Flags.string({ char: 'i', summary: 'the file', helpValue: 'FILE', required: true }),
    digest: Flags.string({
      summary: 'the manifest or index in it that is taken',
      helpValue: 'DIGEST',
      exactlyOne: ['digest', 'unsigned'],
    }),
    unsigned: Flags.boolean({ summary: 'take whatever is in it' }),
    name: Flags.string({ summary: 'instead of the name in the file', helpValue: 'NAME[:TAG]' }),
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(LoadCommand);
    const { arch, digest, input, name } = flags;
    return this.withContext(flags, async (context) => {
      const records = await loadArchive(context, input, { arch, digest, name });
      for (const record of records) this.log(`${record.name}  ${record.manifestDigest}`);
      return {
        images: records.map((one) => ({
          name: one.name,
          arch: one.arch,
          manifestDigest: one.manifestDigest,
        })),
      };
    });
  }
}
