/** A thread for the test of threads: does as each task says. */
import { setTimeout as sleep } from 'node:timers/promises';
import { threadId } from 'node:worker_threads';
import { MillinerError } from '../../src/errors.ts';
import { serveTasks } from '../../src/host/threads.ts';

export type Task = 'id' | 'fail' | 'break' | 'exit' | 'wait';

serveTasks(async (task, data, signal) => {
  const what = task as Task;
  if (what === 'fail') {
    const options = { hint: 'Take another.', details: { path: '/hat' } };
    throw new MillinerError('PACKAGE_INVALID', 'a bad hat', options);
  }
  if (what === 'break') throw new TypeError('a bug');
  if (what === 'exit') process.exit(3);
  await sleep(what === 'wait' ? 60_000 : 20, undefined, { signal });
  return { threadId, data };
});
