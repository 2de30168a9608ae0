import { MillinerCommand } from '../cli/base-command.ts';
import { formatPort } from '../cli/format-port.ts';
import { nameOfInstance } from '../pipeline/instance/instance-name.ts';
import { listInstances } from '../pipeline/instance/instance-records.ts';

export default class PsCommand extends MillinerCommand {
  static override summary = 'List the instances that run, those of stacks by their services';
  static override examples = ['<%= config.bin %> ps', '<%= config.bin %> ps --json'];

  async run(): Promise<object> {
    const { flags } = await this.parse(PsCommand);
    return this.withContext(flags, async (context) => {
      const instances = await listInstances(context.state);
      for (const instance of instances) {
        const { id, started, ports } = instance;
        const where = ports.map((port) => `  ${formatPort(port)}`);
        this.log(`${id}  ${nameOfInstance(instance)}  since ${started}${where.join('')}`);
      }
      return { instances };
    });
  }
}
