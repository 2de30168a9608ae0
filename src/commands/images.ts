import { Args, Flags } from '@oclif/core';
import { MillinerCommand } from '../cli/base-command.ts';
import { ageText, shortDigest, sizeText, tableLines } from '../cli/format-table.ts';
import { offline } from '../cli/repository-flags.ts';
import type { CarriedPackage } from '../pipeline/report/carried-packages.ts';
import { listImages, type ImagesReport } from '../pipeline/report/list-images.ts';
import type { LocalImage } from '../pipeline/report/local-images.ts';
import { splitName } from '../pipeline/state/local-name.ts';
import type { PublishedTag } from '../pipeline/report/published-images.ts';

const columns = ['NAME', 'TAG', 'ARCH', 'DIGEST', 'CREATED', 'SIZE', 'PACKAGES', 'BASE', 'VERDICT'];

export default class ImagesCommand extends MillinerCommand {
  static override summary = 'List images, here and published, or those that carry a package';
  static override description = `Lists the images of this state, and with --key those that the tags of registries name: of REPOSITORY, or of every
repository that this state has published to. Everything told of a published image is read from its signed bill of
materials, and what holds its tag from the records of the tag's moves. One that cannot be verified is listed with the
reason.
--with and --affected-by list the images that carry a package, be it their own or their base's. A version without an
epoch is compared with packages of any epoch. Advisories are those of the repositories of the recipes.`;
  static override examples = [
    '<%= config.bin %> images',
    '<%= config.bin %> images --key keys/release.pub --json',
    "<%= config.bin %> images registry.example.com/fedora/mariadb --key keys/release.pub --with 'openssl < 3.2.4'",
    '<%= config.bin %> images --key keys/release.pub --affected-by CVE-2026-1234 --recipe fedora-mariadb',
  ];
  static override strict = false;
  static override args = {
    repository: Args.string({ description: 'HOST[:PORT]/REPOSITORY; several may be given' }),
  };
  static override flags = {
    key: Flags.string({ summary: 'the public key that signed published images', helpValue: 'FILE' }),
    with: Flags.string({
      summary: 'only images with this package, of any version or as compared with one',
      helpValue: "'NAME [< VERSION]'",
      exclusive: ['affected-by'],
    }),
    'affected-by': Flags.string({
      summary:
        'only images with a package older than the one that fixes this CVE, or that this advisory lists',
      helpValue: 'CVE',
    }),
    recipe: Flags.string({
      summary: 'whose repositories have the advisories; may be repeated; default: those of the images here',
      multiple: true,
      default: [],
    }),
    'plain-http': Flags.boolean({ summary: 'the registries have no TLS', default: false }),
    offline,
  };

  async run(): Promise<ImagesReport> {
    const { argv, flags } = await this.parse(ImagesCommand);
    return this.withContext(flags, async (context) => {
      const report = await listImages(context, {
        repositories: argv as string[],
        key: flags.key,
        plainHttp: flags['plain-http'],
        condition: flags.with,
        affectedBy: flags['affected-by'],
        recipes: flags.recipe,
      });
      this.#showLocal(report.local);
      for (const image of report.published) this.#showPublished(image);
      const unknown = report.published.filter(({ problem }) => problem !== undefined).length;
      if (unknown > 0) this.warn(`of ${unknown} published images nothing is proved`);
      return report;
    });
  }

  #showLocal(images: readonly LocalImage[]): void {
    const rows = images.map(({ name, arch, digest, created, size, packages, base, verdict }) => {
      const { repository, tag } = splitName(name);
      const age = ageText(new Date(created));
      const on = base?.startsWith('sha256:') ? shortDigest(base) : (base ?? '-');
      return [repository, tag, arch, shortDigest(digest), age, sizeText(size), String(packages), on, verdict];
    });
    for (const line of tableLines(columns, rows, process.stdout.columns)) this.log(line);
    for (const { name, carries } of images) {
      if (carries && carries.length > 0) this.log(`${name}:`);
      this.#showCarried(carries);
    }
  }

  #showPublished({ reference, arch, digest, problem, verdict, held, carries, ...image }: PublishedTag): void {
    this.log(`${reference}  ${arch === undefined ? '' : `${arch}  `}${digest}`);
    if (problem) return this.log(`  ${problem.code}: ${problem.message}`);
    this.log(`  ${[...facts(image), `verdict ${verdict}`].join(', ')}`);
    if (held) this.log(`  ${holdText(held)}`);
    return this.#showCarried(carries);
  }

  #showCarried(carries: readonly CarriedPackage[] = []): void {
    for (const { nevra, advisory, fixed } of carries) {
      this.log(`  carries ${nevra}${advisory === undefined ? '' : `, fixed by ${advisory} with ${fixed}`}`);
    }
  }
}

function holdText({ kind, reason, until }: NonNullable<PublishedTag['held']>): string {
  if (kind === 'rejected') return `not published there: ${reason}`;
  return `held${until === undefined ? '' : ` until ${new Date(until * 1000).toISOString()}`}: ${reason}`;
}

function facts({
  created,
  packages,
  size,
  base,
}: Partial<Pick<PublishedTag, 'created' | 'packages' | 'size' | 'base'>>) {
  return [
    ...(created === undefined ? [] : [ageText(new Date(created))]),
    `${packages} packages`,
    sizeText(size ?? 0),
    ...(base === undefined ? [] : [`on ${base}`]),
  ];
}
