import { Args, Flags } from '@oclif/core';
import { MillinerCommand } from '../cli/base-command.ts';
import { statementFlags, statementOptions } from '../cli/statement-flags.ts';
import { askPassword } from '../cli/password.ts';
import { promote } from '../pipeline/publish/promote-image.ts';

export default class PromoteCommand extends MillinerCommand {
  static override summary = 'Give a published image another tag, also at another registry';
  static override description = `The image is verified with the key: its signature, bills of materials, boot verdict, and what its tag is stated to name.
Then the image, all signatures and all attestations are copied byte for byte, the new reference is signed, and the new
tag moves. Nothing is rebuilt, so the digest stays the same. Blobs that the repository has are not sent again.`;
  static override examples = [
    '<%= config.bin %> promote registry.example.com/testing/mariadb:43 registry.example.com/stable/mariadb:43 --key keys/release.key',
    '<%= config.bin %> promote localhost:5000/demo-base@sha256:... quay.io/demo/base:latest --key keys/release.key --json',
  ];
  static override args = {
    reference: Args.string({
      required: true,
      description: 'REGISTRY/REPOSITORY[:TAG][@DIGEST] of the image; the tag is latest',
    }),
    newReference: Args.string({ required: true, description: 'REGISTRY/REPOSITORY:TAG that it gets' }),
  };
  static override flags = {
    key: Flags.string({
      summary: 'private key that has signed the image, and signs the new reference',
      helpValue: 'FILE',
      required: true,
    }),
    ...statementFlags,
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(PromoteCommand);
    const began = Date.now();
    return this.withContext(flags, async (context) => {
      const promoted = await promote(context, {
        from: args.reference,
        to: args.newReference,
        key: flags.key,
        password: () => askPassword(`Password of ${flags.key}`, { confirm: false, signal: context.signal }),
        ...statementOptions(flags),
      });
      this.log(promoted.manifestDigest);
      return { ...promoted, seconds: (Date.now() - began) / 1000 };
    });
  }
}
