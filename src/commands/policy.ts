import { Flags } from '@oclif/core';
import { MillinerCommand } from '../cli/base-command.ts';
import { writePolicy } from '../pipeline/trust/policy.ts';

export default class PolicyCommand extends MillinerCommand {
  static override summary = 'Write the policy by which podman and skopeo accept only images of a key';
  static override description =
    'Adds to DIR/policy.json and DIR/registries.d what the named repositories need, and keeps all else that stands ' +
    'there; a new policy.json refuses every other image. Prints the commands that pull under it. The podman and ' +
    'skopeo of Debian 12 are built without sigstore and refuse every image under such a policy; those of Debian 13 ' +
    'and Fedora verify. A key of OpenPGP is asked for as signedBy, which all of them verify, with signatures that lie at ' +
    '--lookaside.';
  static override examples = [
    '<%= config.bin %> policy --key keys/release.pub --to registry.example.com/fedora/mariadb --out ./policy',
    '<%= config.bin %> policy --key redhat.asc --to registry.access.redhat.com/ubi9/ubi --lookaside https://access.redhat.com/webassets/docker/content/sigstore --out ./policy',
    '<%= config.bin %> policy --key /etc/pki/containers/release.pub --to registry.example.com/fedora/base --to registry.example.com/fedora/mariadb --out /etc/containers',
  ];
  static override flags = {
    key: Flags.string({
      summary: 'the public key, in PEM or of OpenPGP; the policy names it where it lies',
      helpValue: 'FILE',
      required: true,
    }),
    to: Flags.string({
      summary: 'a repository that the policy is for; can be given again',
      helpValue: 'REGISTRY/REPOSITORY',
      required: true,
      multiple: true,
      multipleNonGreedy: true,
    }),
    lookaside: Flags.string({
      summary: 'where signatures of OpenPGP lie; registries.d may say so already',
      helpValue: 'URL',
    }),
    out: Flags.string({
      summary: 'directory of policy.json and registries.d',
      helpValue: 'DIR',
      required: true,
    }),
  };

  async run(): Promise<object> {
    const { flags } = await this.parse(PolicyCommand);
    const { key, lookaside, to: repositories, out: directory } = flags;
    const written = await writePolicy({ key, lookaside, repositories, directory });
    if (written.subkeys.length > 0) {
      const subkeys = written.subkeys.join(', ');
      this.runOptions(flags).progress.warn(
        `podman and skopeo made before the middle of 2025 refuse what a subkey has signed: ${subkeys}`,
      );
    }
    for (const path of [written.policy, ...written.registries]) this.log(path);
    this.log();
    for (const command of written.commands) this.log(command);
    return written;
  }
}
