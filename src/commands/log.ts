import { Args, Flags } from '@oclif/core';
import { archFlag } from '../cli/arch-flag.ts';
import { MillinerCommand } from '../cli/base-command.ts';
import { formatMove } from '../cli/format-move.ts';
import { shortDigest } from '../cli/format-table.ts';
import { logOf, type NameLog } from '../pipeline/report/name-log.ts';
import { reportTag, type TagReport } from '../pipeline/report/tag-report.ts';

export default class LogCommand extends MillinerCommand {
  static override summary = 'Show which images a name has meant: here, or published under a tag';
  static override description = `Of a name in the state directory: its generations, newest first, with the packages that changed and what made each: another
lock, recipe or base, or a command. NAME@GENERATION names one in run, boot, diff, tag and checkout; gc keeps the last.
With --key, of a published tag: each time it moves, the publisher writes a signed record: when, from which image to which, from
which lock, and why. The records form a chain. It is read from the registry and verified with the public key: a record that was
altered, removed or put in another place is refused, with its number. Records of other keys are not shown.`;
  static override examples = [
    '<%= config.bin %> log demo-base',
    '<%= config.bin %> log registry.example.com/fedora/mariadb:latest --key keys/release.pub',
    '<%= config.bin %> log registry.example.com/fedora/mariadb:latest --key keys/release.pub --json',
    '<%= config.bin %> log mirror.example.org/mariadb:43 --key keys/release.pub --signed-as registry.example.com/fedora/mariadb:43',
  ];
  static override args = {
    name: Args.string({
      required: true,
      description: 'a name in the state; with --key, REGISTRY/REPOSITORY[:TAG], where the tag is latest',
    }),
  };
  static override flags = {
    arch: archFlag,
    key: Flags.string({ summary: 'public key of the publisher', helpValue: 'FILE' }),
    'plain-http': Flags.boolean({ summary: 'the registry has no TLS', dependsOn: ['key'] }),
    'signed-as': Flags.string({
      summary: 'reference in the records, if the repository is a copy',
      helpValue: 'REF',
      dependsOn: ['key'],
    }),
  };

  async run(): Promise<NameLog | TagReport> {
    const { args, flags } = await this.parse(LogCommand);
    const options = this.runOptions(flags);
    if (flags.key === undefined) {
      const log = await logOf(options.state, args.name, flags.arch);
      this.#showLog(log);
      return log;
    }
    const tag = {
      reference: args.name,
      key: flags.key,
      plainHttp: flags['plain-http'] ?? false,
      signedAs: flags['signed-as'],
    };
    const report = await reportTag(tag, options);
    this.#showTag(report);
    return report;
  }

  #showLog({ name, generations }: NameLog): void {
    for (const { number, at, digest, reasons, packages, isHere } of generations) {
      const gone = isHere ? '' : '  (removed by gc)';
      const day = at.replace(/:\d\d\.\d+Z$/, 'Z').replace('T', ' ');
      this.log(`${name}@${number}  ${shortDigest(digest)}  ${day}  ${reasons.join(', ')}${gone}`);
      for (const { from, to } of packages.updated) this.log(`  ~ ${from} -> ${to}`);
      for (const nevra of packages.added) this.log(`  + ${nevra}`);
      for (const nevra of packages.removed) this.log(`  - ${nevra}`);
    }
  }

  #showTag({ reference, manifestDigest, hold, rejected, moves }: TagReport): void {
    this.log(`${reference}  ${manifestDigest ?? 'deleted'}`);
    if (hold) {
      const end = hold.until === undefined ? '' : ` until ${new Date(hold.until * 1000).toISOString()}`;
      this.log(`held${end}: ${hold.reason}`);
    }
    for (const lock of rejected?.locks ?? []) this.log(`rejected: lock ${lock}`);
    for (const move of moves) this.log(formatMove(move));
  }
}
