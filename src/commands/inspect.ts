import { Args, Flags } from '@oclif/core';
import { archFlag } from '../cli/arch-flag.ts';
import { MillinerCommand } from '../cli/base-command.ts';
import { MillinerError } from '../lib/errors/error.ts';
import { findRecord } from '../pipeline/state/find-image.ts';
import type { ImageRecord, StateEntry } from '../pipeline/state/image-records.ts';
import { readVerdict } from '../pipeline/state/verdicts.ts';
import { writeVerdictPage } from '../site/verdict-page.ts';

export default class InspectCommand extends MillinerCommand {
  static override summary = 'Show what an image holds and what its build did';
  static override examples = [
    '<%= config.bin %> inspect demo-base',
    '<%= config.bin %> inspect sha256:4f1c9a0e --packages',
    '<%= config.bin %> inspect demo-base --state-layer',
    '<%= config.bin %> inspect demo-mariadb --json',
    '<%= config.bin %> inspect demo-mariadb --report verdict.html',
    '<%= config.bin %> inspect sha256:9b2c7e11 --arch i686',
  ];
  static override args = {
    image: Args.string({
      required: true,
      description: "a recipe's name, or the digest of a manifest or of a published index",
    }),
  };
  static override flags = {
    arch: archFlag,
    packages: Flags.boolean({ summary: 'list the packages' }),
    'state-layer': Flags.boolean({
      summary:
        'list what the image holds beyond its packages, and which scriptlet made it as far as that can be told',
    }),
    log: Flags.boolean({ summary: 'show what rpm and the scriptlets said' }),
    report: Flags.string({
      summary: 'write the verdict of its last boot as one page of HTML',
      helpValue: 'FILE',
    }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(InspectCommand);
    const { state } = this.runOptions(flags);
    const record = await findRecord(state, args.image, flags.arch);
    if (flags.report !== undefined) await this.#writeReport(flags.report, state, record);
    const { report, layers } = record;
    this.log(`${record.name}  ${record.manifestDigest}  ${record.arch}  ${record.packages.length} packages`);
    this.log(`  config ${record.configDigest}`);
    this.log(`  lock   ${record.lockDigest}`);
    for (const { digest, size, recipe, holds } of layers) {
      this.log(`  layer  ${digest}  ${(size / 1e6).toFixed(1)} MB  ${[recipe ?? 'base', holds].join(': ')}`);
    }
    for (const { path, action, reason } of report.normalised) this.log(`  ${action} ${path}: ${reason}`);
    for (const { attributes, marker, path, reason } of report.verification) {
      this.log(`  rpm -V ${attributes} ${marker} ${path}: ${reason}`);
    }
    for (const warning of report.warnings) this.log(`  warning: ${warning}`);
    if (flags['state-layer']) for (const one of report.state) this.log(stateLine(one));
    if (flags.packages) for (const nevra of record.packages) this.log(nevra);
    if (flags.log) for (const line of report.log) this.log(line);
    return record;
  }

  async #writeReport(path: string, state: string, record: ImageRecord): Promise<void> {
    const verdict = await readVerdict(state, record.manifestDigest);
    if (verdict) return writeVerdictPage(path, verdict);
    throw new MillinerError('IMAGE_UNBOOTED', `${record.name} (${record.manifestDigest}) was not booted`);
  }
}

function stateLine({ path, change, why, package: maker, scriptlet, during, reason }: StateEntry): string {
  const who = [scriptlet, maker && `of ${maker}`].filter((word) => word !== undefined).join(' ');
  const what = during === undefined ? why : `${why}, while ${during} was installed`;
  return `${change.padEnd(8)} ${path}  ${[what, who, reason].filter((word) => word).join(': ')}`;
}
