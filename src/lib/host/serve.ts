/** The worker's side of workers.ts: answers each task with the result or the error of `work`, under
 * its number, until stdin ends.
 */
import { createInterface } from 'node:readline';
import { failureOf } from '../errors/wire.ts';
import { markConfined } from './confinement.ts';
import { asStorageError } from './files.ts';

export async function serveTasks(work: (task: never) => Promise<unknown>): Promise<void> {
  markConfined();
  for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
    const { id, task } = JSON.parse(line) as { id: number; task: never };
    // Not awaited: the parent decides how many tasks run at once.
    void work(task)
      .then(
        (result) => ({ id, result }),
        (error: unknown) => ({ id, error: failureOf(asStorageError(error, placeOf(error))) }),
      )
      .then((answer) => process.stdout.write(`${JSON.stringify(answer)}\n`));
  }
}

const placeOf = (error: unknown): string => (error as NodeJS.ErrnoException).path ?? 'its result';
