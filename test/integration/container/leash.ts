/** Runs python in a sandbox, in a process of its own that a test kills: DIRECTORY PROGRAM. */
import { join } from 'node:path';
import { runInSandbox } from '../../../src/stages/install/sandbox.ts';
import { unboundDisk } from '../../helpers/scratch.ts';

const [directory = '', program = ''] = process.argv.slice(2);
const sandbox = { id: `milliner-leash-${process.pid}`, directory, toolRoot: '/', epoch: 0 };
await runInSandbox(
  {
    ...sandbox,
    disk: unboundDisk,
    target: join(directory, 'target'),
    timeout: 600_000,
    memory: 256 * 1024 * 1024,
  },
  { args: ['python3', '-c', program] },
);
