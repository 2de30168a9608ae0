import { Args, Flags } from '@oclif/core';
import { MillinerCommand } from '../cli/base-command.ts';
import { statementFlags, statementOptions } from '../cli/statement-flags.ts';
import { askPassword } from '../cli/password.ts';
import { MillinerError } from '../lib/errors/error.ts';
import { arches } from '../lib/host/arch.ts';
import { findStack } from '../pipeline/instance/find-stack.ts';
import { isStackName } from '../pipeline/instance/stack-words.ts';
import { publishStack } from '../pipeline/publish/publish-stack.ts';
import { publish } from '../pipeline/publish/publish.ts';

export default class PublishCommand extends MillinerCommand {
  static override summary = 'Sign a booted image and publish it';
  static override description = `Only an image whose test boot passed is published, and just the one that was booted. It is pushed and signed, with
its bill of materials and its boot verdict; everything is read back and verified under the key; and only then the
tags move. Of a recipe for several architectures, the images of all of them are published, each signed on its own,
and the tags name an index of them, which is signed too. A stack becomes an artifact that names its images by digest; they
must be published before it. Run it again after any failure: what is there is not sent again. The password of the key comes from
MILLINER_KEY_PASSWORD or the terminal, credentials from podman login or docker login.`;
  static override examples = [
    '<%= config.bin %> publish demo-base --to registry.example.com/demo/base:43 --key keys/release.key',
    '<%= config.bin %> publish demo-base --to localhost:5000/base:43 --to localhost:5000/base:latest --key keys/release.key --json',
    '<%= config.bin %> publish demo-base --arch x86_64 --arch i686 --to registry.example.com/demo/base:43 --key keys/release.key',
    '<%= config.bin %> publish demo-base --to registry.gitlab.com/demo/base:43 --key keys/release.key --only sig',
    '<%= config.bin %> publish demo.stack --to registry.example.com/stacks/demo:1 --key keys/release.key',
  ];
  static override args = {
    image: Args.string({
      required: true,
      description: "a recipe's name or a manifest digest; or NAME.stack",
    }),
  };
  static override flags = {
    arch: Flags.string({
      options: arches,
      helpValue: 'ARCH',
      summary: "only these of the lock's architectures; one alone gets the tags without an index",
      multiple: true,
    }),
    to: Flags.string({
      summary: 'REGISTRY/REPOSITORY:TAG that the image gets',
      helpValue: 'REF',
      multiple: true,
      required: true,
    }),
    'allow-handmade': Flags.boolean({
      summary: 'publish an image with a layer that was made by hand (milliner commit)',
      default: false,
    }),
    key: Flags.string({ summary: 'the private key', helpValue: 'FILE', required: true }),
    ...statementFlags,
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(PublishCommand);
    const began = Date.now();
    if (isStackName(args.image) && flags.arch !== undefined)
      throw new MillinerError(
        'USAGE',
        '--arch is for an image: a stack is for the architecture of this host',
      );
    return this.withContext(flags, async (context) => {
      const options = {
        to: flags.to,
        key: flags.key,
        password: () => askPassword(`Password of ${flags.key}`, { confirm: false, signal: context.signal }),
        ...statementOptions(flags),
      };
      const published = isStackName(args.image)
        ? await publishStack(context, await findStack(context, args.image), options)
        : await publish(context, args.image, {
            ...options,
            arches: flags.arch,
            allowHandmade: flags['allow-handmade'],
          });
      this.log(published.manifestDigest);
      return { ...published, seconds: (Date.now() - began) / 1000 };
    });
  }
}
