import { Args, Flags } from '@oclif/core';
import { MillinerCommand } from '../cli/base-command.ts';
import { askPassword } from '../cli/password.ts';
import { reasonFlag } from '../cli/tag-flags.ts';
import { unhold } from '../pipeline/publish/hold-tag.ts';

export default class UnholdCommand extends MillinerCommand {
  static override summary = 'Lift the hold of a tag';
  static override description = `Publish, release and promote may move the tag again. This also accepts the images and locks that a rollback has rejected.
If the tag is not held, nothing changes and the command succeeds.`;
  static override examples = [
    '<%= config.bin %> unhold registry.example.com/fedora/mariadb:latest --key keys/release.key',
    '<%= config.bin %> unhold localhost:5000/demo-base:43 --key keys/release.key --reason "review is done" --json',
  ];
  static override args = {
    reference: Args.string({ required: true, description: 'REGISTRY/REPOSITORY[:TAG]; the tag is latest' }),
  };
  static override flags = {
    key: Flags.string({ summary: 'private key of the publisher', helpValue: 'FILE', required: true }),
    reason: Flags.string({ summary: 'text for the record', helpValue: 'TEXT' }),
    'plain-http': Flags.boolean({ summary: 'the registry has no TLS', default: false }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(UnholdCommand);
    const options = this.runOptions(flags);
    const released = await unhold(
      {
        reference: args.reference,
        key: flags.key,
        password: () => askPassword(`Password of ${flags.key}`, { confirm: false, signal: options.signal }),
        note: reasonFlag(flags.reason),
        plainHttp: flags['plain-http'],
      },
      options,
    );
    this.log(`${released.reference} ${released.changed ? 'is no longer held' : 'was not held'}`);
    return released;
  }
}
