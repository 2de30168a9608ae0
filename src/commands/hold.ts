import { Args, Flags } from '@oclif/core';
import { MillinerCommand } from '../cli/base-command.ts';
import { askPassword } from '../cli/password.ts';
import { reasonFlag, untilFlag } from '../cli/tag-flags.ts';
import { hold } from '../pipeline/publish/hold-tag.ts';

export default class HoldCommand extends MillinerCommand {
  static override summary = 'Hold a tag at the image that it points to';
  static override description = `A signed record is added to the history of the tag. Until the hold is lifted (milliner unhold) or ends, publish, release
and promote refuse to move the tag (TAG_HELD), on every machine. A rollback still moves it. Another hold replaces the first.`;
  static override examples = [
    '<%= config.bin %> hold registry.example.com/fedora/mariadb:latest --key keys/release.key --reason "change freeze" --until 2027-01-07',
    '<%= config.bin %> hold localhost:5000/demo-base:43 --key keys/release.key --reason "ABI under review" --json',
  ];
  static override args = {
    reference: Args.string({ required: true, description: 'REGISTRY/REPOSITORY[:TAG]; the tag is latest' }),
  };
  static override flags = {
    key: Flags.string({ summary: 'private key of the publisher', helpValue: 'FILE', required: true }),
    reason: Flags.string({ summary: 'text for the record', helpValue: 'TEXT', required: true }),
    until: Flags.string({
      summary: 'when the hold ends: 2026-12-24 (in UTC) or 2026-12-24T18:00Z',
      helpValue: 'TIME',
    }),
    'plain-http': Flags.boolean({ summary: 'the registry has no TLS', default: false }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(HoldCommand);
    const options = this.runOptions(flags);
    const held = await hold(
      {
        reference: args.reference,
        key: flags.key,
        password: () => askPassword(`Password of ${flags.key}`, { confirm: false, signal: options.signal }),
        reason: reasonFlag(flags.reason),
        until: untilFlag(flags.until),
        plainHttp: flags['plain-http'],
      },
      options,
    );
    this.log(`${held.reference} ${held.changed ? 'is held' : 'was held already'}`);
    return held;
  }
}
