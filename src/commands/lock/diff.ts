import { Args } from '@oclif/core';
import { MillinerCommand } from '../../cli/base-command.ts';
import { changeLines, summaryLine } from '../../cli/format-lock-changes.ts';
import { untrusted } from '../../cli/repository-flags.ts';
import { confine } from '../../lib/http/reach.ts';
import { isEmpty } from '../../pipeline/lock/lock-changes.ts';
import { diffLocks, type ArchDiff, type LockDiff } from '../../pipeline/report/lock-diff.ts';

export default class LockDiffCommand extends MillinerCommand {
  static override summary = 'List what changes from one lock to another';
  static override description =
    "Packages added, removed, updated, downgraded and rebuilt, by architecture, with the changelog entries that are new and the advisories that the updates fix. One lock alone is held against the one in git's HEAD.";
  static override examples = [
    '<%= config.bin %> lock diff old/fedora-base.lock.json recipes/fedora-base.lock.json',
    '<%= config.bin %> lock diff fedora-base',
    '<%= config.bin %> lock diff fedora-base --json',
  ];
  static override args = {
    old: Args.string({
      required: true,
      description: 'a lock file, or the recipe of one; alone, what HEAD is held against',
    }),
    new: Args.string({ description: 'what it is held against' }),
  };
  static override flags = { untrusted };

  async run(): Promise<LockDiff> {
    const { args, flags } = await this.parse(LockDiffCommand);
    if (flags.untrusted) confine();
    return this.withContext(flags, async (context) => {
      const diff = await diffLocks(context, args.old, args.new);
      for (const [arch, changes] of Object.entries(diff.arches)) this.#show(arch, changes);
      return diff;
    });
  }

  #show(arch: string, { packages, tools, advisories = [] }: ArchDiff): void {
    this.log(summaryLine(arch, packages));
    for (const line of changeLines(packages)) this.log(`  ${line}`);
    for (const { id, type, severity, cves, title } of advisories) {
      this.log(`  ! ${[id, type, severity, ...cves].join(' ')}  ${title}`);
    }
    if (isEmpty(tools)) return;
    this.log(summaryLine(`${arch} tools`, tools));
    for (const line of changeLines(tools)) this.log(`  ${line}`);
  }
}
