import { MillinerCommand } from '../cli/base-command.ts';
import { formatPort } from '../cli/format-port.ts';
import { ageText, tableLines } from '../cli/format-table.ts';
import { listInstances } from '../pipeline/instance/instance-records.ts';

const columns = ['ID', 'NAME', 'IMAGE', 'BACKEND', 'STARTED', 'PORTS'];

export default class PsCommand extends MillinerCommand {
  static override summary = 'List the instances that run, those of stacks by their services';
  static override examples = ['<%= config.bin %> ps', '<%= config.bin %> ps --json'];

  async run(): Promise<object> {
    const { flags } = await this.parse(PsCommand);
    return this.withContext(flags, async (context) => {
      const instances = await listInstances(context.state);
      const rows = instances.map(({ id, name = '', image, backend, started, ports, stack }) => [
        id,
        stack ? `${stack.name}.stack/${stack.service}` : name,
        image,
        backend,
        ageText(new Date(started)),
        ports.map(formatPort).join(', '),
      ]);
      for (const line of tableLines(columns, rows, process.stdout.columns)) this.log(line);
      return { instances };
    });
  }
}
