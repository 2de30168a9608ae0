import { Args, Flags } from '@oclif/core';
import { MillinerCommand } from '../cli/base-command.ts';
import { offline, untrusted } from '../cli/repository-flags.ts';
import { confine } from '../lib/http/reach.ts';
import {
  listAdvisories,
  type AdvisoriesReport,
  type ReportedAdvisory,
} from '../pipeline/report/advisories.ts';

export default class AdvisoriesCommand extends MillinerCommand {
  static override summary = 'List the advisories that an image has not been updated for';
  static override description =
    "Reads the updateinfo of the recipe's repositories, those of its bases included, and names every advisory with a newer version of a package of the image, as dnf updateinfo does: security first, by severity, with the CVEs. CVEs are those that the advisory has as references, or in the titles of its bugs.";
  static override examples = [
    '<%= config.bin %> advisories fedora-base',
    '<%= config.bin %> advisories sha256:4f1c9a0e --recipe recipes/fedora-base.yaml --severity Critical --severity Important',
    '<%= config.bin %> advisories recipes/fedora-base.lock.json --arch aarch64 --cve CVE-2026-1234',
    '<%= config.bin %> advisories fedora-base --fixed-by recipes/fedora-base.lock.json --json',
  ];
  static override args = {
    image: Args.string({
      required: true,
      description: 'an image in the state, by name or digest; or a recipe or its lock',
    }),
  };
  static override flags = {
    severity: Flags.string({
      multiple: true,
      default: [],
      summary: 'only of this severity, such as Critical',
    }),
    cve: Flags.string({ multiple: true, default: [], summary: 'only what fixes this CVE' }),
    'fixed-by': Flags.string({
      summary: 'only what the packages of this recipe or lock fix',
      helpValue: 'LOCK',
    }),
    recipe: Flags.string({ summary: "whose repositories are asked, where it is not the image's own name" }),
    arch: Flags.string({ summary: 'of a lock; the default is that of this host' }),
    offline,
    untrusted,
  };

  async run(): Promise<AdvisoriesReport> {
    const { args, flags } = await this.parse(AdvisoriesCommand);
    if (flags.untrusted) confine();
    return this.withContext(flags, async (context) => {
      const report = await listAdvisories(context, {
        subject: args.image,
        recipe: flags.recipe,
        arch: flags.arch,
        fixedBy: flags['fixed-by'],
        severities: flags.severity,
        cves: flags.cve,
      });
      this.#show(report);
      return report;
    });
  }

  #show({ repositories, advisories }: AdvisoriesReport): void {
    for (const one of advisories) {
      this.log(`${one.id}  ${kindOf(one)}  ${one.title}`);
      if (one.cves.length > 0) this.log(`  ${one.cves.join(' ')}`);
      for (const { installed, fixed, suggests } of one.packages) {
        const then = suggests.length > 0 ? `  (${suggests.join(', ')} suggested)` : '';
        this.log(`  ${installed} -> ${fixed}${then}`);
      }
    }
    const silent = Object.keys(repositories).filter((name) => repositories[name] === null);
    if (silent.length > 0) this.warn(`without advisories: ${silent.join(', ')}`);
  }
}

/** The kind as dnf prints it: Important/Sec., bugfix, ... */
function kindOf({ type, severity }: ReportedAdvisory): string {
  if (type !== 'security') return type || 'unknown';
  return `${severity === 'None' ? 'Unknown' : severity}/Sec.`;
}
