import { Args, Flags } from '@oclif/core';
import { MillinerCommand } from '../cli/base-command.ts';
import { digestFlag, reasonFlag } from '../cli/tag-flags.ts';
import { statementFlags, statementOptions } from '../cli/statement-flags.ts';
import { askPassword } from '../cli/password.ts';
import { rollback } from '../pipeline/publish/rollback-tag.ts';

export default class RollbackCommand extends MillinerCommand {
  static override summary = 'Move a tag back to an image that it had before';
  static override description = `Without --to, the tag moves to the image before the current one. The image is verified first; nothing is rebuilt. The move
is stated and recorded with a signature, so clients that have seen the newer image accept it. Afterwards publish, release
and promote refuse the image that was rolled back, and every image of the same lock (TAG_HELD). An image of another lock
moves the tag on; milliner unhold accepts the same lock again.`;
  static override examples = [
    '<%= config.bin %> rollback registry.example.com/fedora/mariadb:latest --key keys/release.key --reason "does not start on XFS"',
    '<%= config.bin %> rollback registry.example.com/fedora/mariadb:latest --key keys/release.key --to sha256:...',
  ];
  static override args = {
    reference: Args.string({ required: true, description: 'REGISTRY/REPOSITORY[:TAG]; the tag is latest' }),
  };
  static override flags = {
    key: Flags.string({ summary: 'private key of the publisher', helpValue: 'FILE', required: true }),
    to: Flags.string({ summary: 'image of milliner log to move to', helpValue: 'DIGEST' }),
    reason: Flags.string({ summary: 'text for the record', helpValue: 'TEXT' }),
    ...statementFlags,
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(RollbackCommand);
    const options = this.runOptions(flags);
    const began = Date.now();
    const result = await rollback(
      {
        reference: args.reference,
        to: digestFlag('--to', flags.to),
        key: flags.key,
        password: () => askPassword(`Password of ${flags.key}`, { confirm: false, signal: options.signal }),
        note: reasonFlag(flags.reason),
        ...statementOptions(flags),
      },
      options,
    );
    this.log(result.to);
    return { ...result, seconds: (Date.now() - began) / 1000 };
  }
}
