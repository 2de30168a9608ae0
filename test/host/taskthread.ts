/** A thread for the test of threads: does as each task says. */
import { setTimeout as sleep } from 'node:timers/promises';
import { threadId } from 'node:worker_threads';
import { MillinerError } from '../../src/errors.ts';
import { serveTasks } from '../../src/host/threads.ts';

export type Task = 'id' | 'fail' | 'break' | 'exit' | 'wait';

serveTasks(async (task, data, signal) => {
  switch (task as Task) {
    case 'fail':
      throw new MillinerError('PACKAGE_INVALID', 'a bad hat', {
        hint: 'Take another.',
        details: { path: '/hat' },
      });
    case 'break':
      throw new TypeError('a bug');
    case 'exit':
      return process.exit(3);
    case 'wait':
      await sleep(60_000, undefined, { signal });
      return undefined;
    case 'id':
      await sleep(20);
      return { threadId, data };
  }
});
