import { Args, Flags } from '@oclif/core';
import { MillinerCommand } from '../cli/base-command.ts';
import { formatMove } from '../cli/format-move.ts';
import { reportTag } from '../pipeline/report/tag-report.ts';

export default class HistoryCommand extends MillinerCommand {
  static override summary = 'Show every move of a tag, verified';
  static override description = `Each time a tag moves, the publisher writes a signed record: when, from which image to which, from which lock, and
why. The records form a chain. It is read from the registry and verified with the public key: a record that was altered,
removed or put in another place is refused, with its number. Records of other keys are not shown.`;
  static override examples = [
    '<%= config.bin %> history registry.example.com/fedora/mariadb:latest --key keys/release.pub',
    '<%= config.bin %> history registry.example.com/fedora/mariadb:latest --key keys/release.pub --json',
    '<%= config.bin %> history mirror.example.org/mariadb:43 --key keys/release.pub --signed-as registry.example.com/fedora/mariadb:43',
  ];
  static override args = {
    reference: Args.string({ required: true, description: 'REGISTRY/REPOSITORY[:TAG]; the tag is latest' }),
  };
  static override flags = {
    key: Flags.string({ summary: 'public key of the publisher', helpValue: 'FILE', required: true }),
    'plain-http': Flags.boolean({ summary: 'the registry has no TLS', default: false }),
    'signed-as': Flags.string({
      summary: 'reference in the records, if the repository is a copy',
      helpValue: 'REF',
    }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(HistoryCommand);
    const report = await reportTag(
      {
        reference: args.reference,
        key: flags.key,
        plainHttp: flags['plain-http'],
        signedAs: flags['signed-as'],
      },
      this.runOptions(flags),
    );
    this.log(`${report.reference}  ${report.manifestDigest ?? 'deleted'}`);
    if (report.hold) {
      const { reason, until } = report.hold;
      const end = until === undefined ? '' : ` until ${new Date(until * 1000).toISOString()}`;
      this.log(`held${end}: ${reason}`);
    }
    for (const lock of report.rejected?.locks ?? []) this.log(`rejected: lock ${lock}`);
    for (const move of report.moves) this.log(formatMove(move));
    return report;
  }
}
