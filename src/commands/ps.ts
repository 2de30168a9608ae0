import { MillinerCommand } from '../cli/base-command.ts';
import { formatPort } from '../cli/format-port.ts';
import { listInstances } from '../pipeline/instance/instance-records.ts';

export default class PsCommand extends MillinerCommand {
  static override summary = 'List the instances that run';
  static override examples = ['<%= config.bin %> ps', '<%= config.bin %> ps --json'];

  async run(): Promise<object> {
    const { flags } = await this.parse(PsCommand);
    return this.withContext(flags, async (context) => {
      const instances = await listInstances(context.state);
      for (const { id, image, started, ports } of instances) {
        const where = ports.map((port) => `  ${formatPort(port)}`);
        this.log(`${id}  ${image}  since ${started}${where.join('')}`);
      }
      return { instances };
    });
  }
}
