import { Args, Flags } from '@oclif/core';
import { archFlag } from '../cli/arch-flag.ts';
import { MillinerCommand } from '../cli/base-command.ts';
import { MillinerError } from '../lib/errors/error.ts';
import { copyImage, isTransport } from '../pipeline/transfer/load-images.ts';
import { pullReference } from '../pipeline/transfer/pull-reference.ts';

export default class PullCommand extends MillinerCommand {
  static override summary =
    'Take an image from a registry into the state directory, once its signature is verified';
  static override description = `With --key, that key has to have signed it; without, the one that this host's policy.json requires (milliner policy).
Then run, boot, inspect, diff, tag and push take it by its reference or digest. --unsigned takes what nobody has signed, which is also said
for an image of podman's storage or of a file, which skopeo copies.`;
  static override examples = [
    '<%= config.bin %> pull registry.example.com/fedora/mariadb:43 --key release.pub',
    '<%= config.bin %> pull registry.example.com/fedora/mariadb:43',
    '<%= config.bin %> pull containers-storage:localhost/mine:latest --unsigned',
    '<%= config.bin %> pull docker-archive:mine.tar --name mine:1 --unsigned',
  ];
  static override args = {
    reference: Args.string({
      required: true,
      description:
        'REGISTRY/REPOSITORY[:TAG][@DIGEST], where the tag is latest; or containers-storage:, oci:, oci-archive:, docker-archive: or dir: and a place',
    }),
  };
  static override flags = {
    arch: archFlag,
    key: Flags.string({ summary: "the publisher's public key, in PEM or of OpenPGP", helpValue: 'FILE' }),
    unsigned: Flags.boolean({ summary: 'take it without a signature', default: false, exclusive: ['key'] }),
    name: Flags.string({
      summary: 'its name here, for an image that is not from a registry',
      helpValue: 'NAME[:TAG]',
    }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(PullCommand);
    const { key, arch, name, unsigned } = flags;
    if (isTransport(args.reference) ? !unsigned : name !== undefined)
      throw new MillinerError(
        'USAGE',
        name === undefined
          ? `${args.reference} has no signature: say --unsigned to take it`
          : '--name is for an image that is not from a registry (milliner tag)',
      );
    return this.withContext(flags, async (context) => {
      const record = isTransport(args.reference)
        ? await copyImage(context, args.reference, { name, arch })
        : await pullReference(context, args.reference, { key, unsigned, arch });
      this.log(record.manifestDigest);
      const { name: found, manifestDigest, cameBy } = record;
      return { name: found, arch: record.arch, manifestDigest, ...cameBy };
    });
  }
}
