import { Args, Flags } from '@oclif/core';
import { MillinerCommand } from '../cli/base-command.ts';
import { arches } from '../lib/host/arch.ts';
import { layouts } from '../pipeline/trust/fetch-signatures.ts';
import { verifyReference, type Verification } from '../pipeline/trust/verify-image.ts';

export default class VerifyCommand extends MillinerCommand {
  static override summary = 'Verify that an image in a registry is signed, listed and booted';
  static override description =
    'Proves with one public key, in each layout: the signature of the image, its signed bills of materials, and the ' +
    'signed verdict that it booted and passed its checks. With --signature-only, one signature in any layout is enough, ' +
    'as for the base of a recipe, and the key may be of OpenPGP: for images that others have signed. ' +
    'Where the reference names an index, its signature is proved, and all of this for each image that it names. Exit codes: 13 something is not signed, 14 it is signed ' +
    'with another key, 15 the image or a signature was altered, 16 there is no signed verdict that it booted, 19 it is signed ' +
    'under another reference or none, or its tag names it no more.';
  static override examples = [
    '<%= config.bin %> verify registry.example.com/fedora/mariadb:43 --key keys/release.pub',
    '<%= config.bin %> verify localhost:5000/demo-base:latest --key keys/release.pub --only bundle --json',
    '<%= config.bin %> verify registry.access.redhat.com/ubi9/ubi:latest --key redhat.asc --signature-only',
    '<%= config.bin %> verify registry.example.com/demo/base:43 --key keys/release.pub --arch i686',
    '<%= config.bin %> verify mirror.example.org/mariadb:43 --key keys/release.pub --signed-as registry.example.com/fedora/mariadb:43',
  ];
  static override args = {
    reference: Args.string({
      required: true,
      description: 'REGISTRY/REPOSITORY[:TAG][@DIGEST]; the tag is latest',
    }),
  };
  static override flags = {
    key: Flags.string({ summary: 'the public key, in PEM or of OpenPGP', helpValue: 'FILE', required: true }),
    'plain-http': Flags.boolean({ summary: 'the registry has no TLS', default: false }),
    'signed-as': Flags.string({
      summary: 'the reference that was signed, where the image is a copy of it, in a mirror for example',
      helpValue: 'REF',
    }),
    unnamed: Flags.boolean({
      summary:
        'take sigstore bundles that name no reference: any image that the key has signed, under this tag',
      default: false,
    }),
    'allow-expired': Flags.boolean({
      summary: 'take a tag although the statement of what it names has expired',
      default: false,
    }),
    arch: Flags.string({
      options: arches,
      helpValue: 'ARCH',
      summary: 'of an index, the one image for it; the default is all of them',
    }),
    'signature-only': Flags.boolean({
      summary: 'ask for a signature alone: what others sign has no bill of materials and no verdict',
      default: false,
    }),
    only: Flags.option({
      options: layouts,
      summary: 'one layout: the .sig and .att tags, or the sigstore bundles',
    })(),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(VerifyCommand);
    const verification = await verifyReference(
      {
        reference: args.reference,
        key: flags.key,
        plainHttp: flags['plain-http'],
        only: flags.only,
        signedAs: flags['signed-as'],
        unnamed: flags.unnamed,
        allowExpired: flags['allow-expired'],
        signatureOnly: flags['signature-only'],
        arch: flags.arch,
      },
      this.runOptions(flags),
    );
    this.log(`${verification.reference}  ${verification.manifestDigest}`);
    this.#show(verification.proved);
    for (const { platform, manifestDigest, proved } of verification.images ?? []) {
      this.log(`  ${platform}  ${manifestDigest}`);
      this.#show(proved);
    }
    return verification;
  }

  #show(proved: Verification['proved']): void {
    for (const { claim, layout, detail } of proved) {
      this.log(`  ${layout.padEnd(9)}  ${claim.padEnd(9)}  ${detail}`);
    }
  }
}
