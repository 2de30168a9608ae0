/** The worker's side of workers.ts: answers each task with the result or the error of `work`, until stdin ends. */
import { createInterface } from 'node:readline';
import { failureOf } from '../errors/wire.ts';
import { markConfined } from './confinement.ts';
import { asStorageError } from './files.ts';

export async function serveTasks(work: (task: never) => Promise<unknown>): Promise<void> {
  markConfined();
  for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
    const answer = await work(JSON.parse(line) as never).then(
      (result) => ({ result }),
      (error: unknown) => ({ error: failureOf(asStorageError(error, placeOf(error))) }),
    );
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
}

const placeOf = (error: unknown): string => (error as NodeJS.ErrnoException).path ?? 'its result';
