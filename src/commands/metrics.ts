import { QueueCommand } from '../cli/queue-command.ts';
import { MillinerError } from '../lib/errors/error.ts';
import { openMetricsText, readMetrics, type Metric } from '../queue/all-metrics.ts';
import { hasQueue, queueMetrics, upMetric } from '../queue/queue-metrics.ts';

export default class MetricsCommand extends QueueCommand {
  static override summary = 'Show metrics of the state and its queue, in the form of OpenMetrics';
  static override description = `Images with their sizes and boot times, the last night of each release set, the releases and workers of the queue, and the disk. For the textfile collector of Prometheus' node exporter, write them to a file; a worker serves them with --metrics.

A queue that does not answer is milliner_queue_up 0, and no error.`;
  static override examples = [
    '<%= config.bin %> metrics',
    '<%= config.bin %> metrics > /var/lib/node_exporter/milliner.prom',
    '<%= config.bin %> metrics --json',
  ];

  async run(): Promise<{ metrics: Metric[] }> {
    const { flags } = await this.parse(MetricsCommand);
    const { state } = this.runOptions(flags);
    const metrics = await readMetrics(state, this.config.version, await this.#queue(flags, state));
    if (!this.jsonEnabled()) process.stdout.write(openMetricsText(metrics));
    return { metrics };
  }

  async #queue(flags: Parameters<typeof this.runOptions>[0], state: string): Promise<Metric[]> {
    if (!hasQueue(state)) return [];
    try {
      return await this.withQueues(flags, queueMetrics);
    } catch (error) {
      if (!(error instanceof MillinerError) || !error.code.startsWith('QUEUE_')) throw error;
      this.warn(error);
      return [upMetric(false)];
    }
  }
}
