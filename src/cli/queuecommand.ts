/** Commands that look at the queue, or change what is in it. */
import { connect } from '../queue/connection.ts';
import { Queues } from '../queue/queues.ts';
import { MillinerCommand } from './command.ts';

export abstract class QueueCommand extends MillinerCommand {
  protected async withQueues<T>(
    flags: Parameters<typeof this.runOptions>[0],
    fn: (queues: Queues) => Promise<T>,
  ): Promise<T> {
    const options = this.runOptions(flags);
    const connection = await connect(options.state, { signal: options.signal });
    const queues = new Queues(connection.redis);
    try {
      return await fn(queues);
    } finally {
      await queues.close();
      await connection.close();
    }
  }
}
