import { MillinerCommand } from '../../cli/base-command.ts';
import { listVolumes, showVolume } from '../../pipeline/state/volumes.ts';

export default class VolumeListCommand extends MillinerCommand {
  static override summary = 'List the volumes of stacks';
  static override description =
    'Each belongs to one stack, and stays when the stack is stopped. It can hold as much as the stack says, and takes as much as was written.';
  static override examples = ['<%= config.bin %> volume list', '<%= config.bin %> volume list --json'];

  async run(): Promise<object> {
    const { flags } = await this.parse(VolumeListCommand);
    return this.withState(flags, async ({ state }) => {
      const volumes = await listVolumes(state);
      for (const one of volumes) {
        const sizes = `${(one.used / 1e6).toFixed(1)} of ${(one.bytes / 1e6).toFixed(1)} MB`;
        this.log(`${showVolume(one)}  ${sizes}  since ${one.created}`);
      }
      return { volumes };
    });
  }
}
