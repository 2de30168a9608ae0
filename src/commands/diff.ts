import { Args, Flags } from '@oclif/core';
import { archFlag } from '../cli/arch-flag.ts';
import { MillinerCommand } from '../cli/base-command.ts';
import { changelogLines } from '../cli/format-changelog.ts';
import { diffImages, type ImageDiff, type UpdatedPackage } from '../pipeline/report/image-diff.ts';

export default class DiffCommand extends MillinerCommand {
  static override summary = 'Show what one image has that another has not';
  static override description =
    'Packages added, removed and updated, with the changelog entries that are new; files; layers that are reused, and the bytes that a client with the first image downloads for the second. An image that a build has replaced can be named by its digest until gc removes its content.';
  static override examples = [
    '<%= config.bin %> diff sha256:4f1c9a0e demo-base',
    '<%= config.bin %> diff demo-base demo-product --files',
    '<%= config.bin %> diff sha256:4f1c9a0e demo-base --json',
    '<%= config.bin %> diff sha256:9b2c7e11 demo-base --arch i686',
  ];
  static override args = {
    first: Args.string({
      required: true,
      description: "a recipe's name, or the digest of a manifest or of a published index",
    }),
    second: Args.string({ required: true, description: 'what it is held against' }),
  };
  static override flags = {
    arch: archFlag,
    files: Flags.boolean({ summary: 'list the files' }),
  };

  async run(): Promise<ImageDiff> {
    const { args, flags } = await this.parse(DiffCommand);
    return this.withContext(flags, async (context) => {
      const diff = await diffImages(context, args.first, args.second, flags.arch);
      this.#show(diff, flags.files);
      return diff;
    });
  }

  #show({ packages, files, layers, downloadSize }: ImageDiff, withFiles: boolean): void {
    const { added, removed, updated } = packages;
    this.log(`packages  ${added.length} added, ${removed.length} removed, ${updated.length} updated`);
    for (const nevra of added) this.log(`  + ${nevra}`);
    for (const nevra of removed) this.log(`  - ${nevra}`);
    for (const one of updated) this.#showUpdate(one);
    this.log(
      `files     ${files.added.length} added, ${files.removed.length} removed, ${files.changed.length} changed`,
    );
    if (withFiles) {
      for (const path of files.added) this.log(`  + ${path}`);
      for (const path of files.removed) this.log(`  - ${path}`);
      for (const { path, what } of files.changed) this.log(`  ~ ${path}: ${what}`);
    }
    this.log(
      `layers    ${layers.reused} reused, ${layers.new.length} new: ${(downloadSize / 1e6).toFixed(1)} MB to download`,
    );
    for (const { digest, size, holds } of layers.new) {
      this.log(`  + ${digest.slice(0, 19)}  ${(size / 1e6).toFixed(1)} MB  ${holds}`);
    }
  }

  #showUpdate({ from, to, changelog }: UpdatedPackage): void {
    this.log(`  ~ ${from} -> ${to}`);
    for (const line of changelogLines(changelog)) this.log(`    ${line}`);
  }
}
