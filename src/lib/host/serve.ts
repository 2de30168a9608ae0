/** The side of a confined worker: answers each task with what `work` gives or throws, until no more can come. */
import { createInterface } from 'node:readline';
import { MillinerError, type ErrorCode } from '../errors/error.ts';
import { standInside } from './confinement.ts';

/** What a task threw, as data. */
export interface Failure {
  code?: ErrorCode | undefined;
  message: string;
  stack?: string | undefined;
  hint?: string | undefined;
  details?: Record<string, unknown> | undefined;
}

export async function serveTasks(work: (task: never) => Promise<unknown>): Promise<void> {
  standInside();
  for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
    const answer = await work(JSON.parse(line) as never).then(
      (result) => ({ result }),
      (error: unknown) => ({ error: failureOf(error) }),
    );
    process.stdout.write(`${JSON.stringify(answer)}\n`);
  }
}

function failureOf(error: unknown): Failure {
  if (error instanceof MillinerError) {
    const { code, message, hint, details } = error;
    return { code, message, hint, details };
  }
  const { message, stack } = error as Error;
  return { message, stack };
}
