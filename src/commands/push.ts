import { Args, Flags } from '@oclif/core';
import { archFlag } from '../cli/arch-flag.ts';
import { MillinerCommand } from '../cli/base-command.ts';
import { pushUnsigned } from '../pipeline/transfer/push-unsigned.ts';

export default class PushCommand extends MillinerCommand {
  static override summary = 'Send an image to a registry without a signature';
  static override description =
    'For a registry of your own while you work on an image: it need not have booted, and no client with a policy takes it. milliner publish sends an image that has booted, signed.';
  static override examples = [
    '<%= config.bin %> push demo-base localhost:5000/mine/base:tried --unsigned',
    '<%= config.bin %> push demo-base@2 localhost:5000/mine/base:before --unsigned --json',
  ];
  static override args = {
    image: Args.string({ required: true, description: 'a name, NAME@GENERATION or digest' }),
    reference: Args.string({ required: true, description: 'REGISTRY/REPOSITORY:TAG that it gets' }),
  };
  static override flags = {
    arch: archFlag,
    unsigned: Flags.boolean({ summary: 'required: say that it goes without a signature', required: true }),
    'plain-http': Flags.boolean({ summary: 'the registry has no TLS', default: false }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(PushCommand);
    return this.withContext(flags, async (context) => {
      const pushed = await pushUnsigned(context, args.image, {
        to: [args.reference],
        arch: flags.arch,
        plainHttp: flags['plain-http'],
      });
      this.log(pushed.manifestDigest);
      return pushed;
    });
  }
}
