/** The base of the commands that read or change the queue. */
import { withConnection } from '../queue/connection.ts';
import { Queues } from '../queue/queues.ts';
import { MillinerCommand } from './base-command.ts';

export abstract class QueueCommand extends MillinerCommand {
  protected async withQueues<T>(
    flags: Parameters<typeof this.runOptions>[0],
    fn: (queues: Queues) => Promise<T>,
  ): Promise<T> {
    const options = this.runOptions(flags);
    const onTrouble = ({ message }: Error) => options.progress.warn(message);
    return withConnection(options.state, { signal: options.signal, onTrouble }, async ({ redis }) => {
      const queues = new Queues(redis, options.state);
      try {
        return await fn(queues);
      } finally {
        await queues.close();
      }
    });
  }
}
