import { Flags } from '@oclif/core';
import { MillinerCommand } from '../cli/base-command.ts';
import { offline } from '../cli/repository-flags.ts';
import { writeSite, type SiteReport } from '../site/write-site.ts';

export default class SiteCommand extends MillinerCommand {
  static override summary = 'Write a static site about the images of this state';
  static override description = `Writes pages that any web server serves, and that open from a disk as well: images and what they stand on, their tags,
layers, packages and boots, two images side by side, advisories, nights, and trends. DIR is new, empty, or a site that
was written before: then it is replaced as a whole.
Only the state is read, unless a flag asks for more. With --key the histories of the tags come from their registries,
verified; without it the site tells what this state has published itself. With --advisories the repositories of the
recipes are asked what is open; --offline takes the metadata that was fetched before.`;
  static override examples = [
    '<%= config.bin %> site --out site',
    '<%= config.bin %> site --out /srv/www/images --key keys/release.pub --advisories',
    '<%= config.bin %> site --out site --advisories --offline --recipe recipes/fedora-base.yaml --json',
  ];
  static override flags = {
    out: Flags.string({ summary: 'where to write it', helpValue: 'DIR', required: true }),
    key: Flags.string({
      exclusive: ['offline'],
      summary: 'the public key that signed published images: read the histories of their tags',
      helpValue: 'FILE',
    }),
    advisories: Flags.boolean({
      summary: 'ask the repositories of the recipes for open advisories',
      default: false,
    }),
    recipe: Flags.string({
      summary: 'a recipe that is not in recipes/; may be repeated',
      multiple: true,
      default: [],
    }),
    'plain-http': Flags.boolean({ summary: 'the registries have no TLS', default: false }),
    offline,
  };

  async run(): Promise<SiteReport> {
    const { flags } = await this.parse(SiteCommand);
    const { out, key, advisories, recipe: recipes, 'plain-http': plainHttp } = flags;
    const access = key === undefined ? undefined : { key, plainHttp };
    return this.withState(flags, async (context) => {
      const report = await writeSite(context, { out, access, advisories, recipes });
      this.log(report.path);
      if (report.problems.length > 0)
        this.warn(`the histories of ${report.problems.length} tags are not shown`);
      return report;
    });
  }
}
