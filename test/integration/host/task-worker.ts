/** A worker for the test of workers: does as each task says. */
import { chown, open, readFile, writeFile } from 'node:fs/promises';
import { createConnection } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { MillinerError } from '../../../src/lib/errors/error.ts';
import { native } from '../../../src/lib/host/native.ts';
import { serveTasks } from '../../../src/lib/host/serve.ts';

export type Task =
  | { kind: 'id' | 'fail' | 'break' | 'exit' | 'wait' | 'flood' }
  | { kind: 'network'; port: number }
  | { kind: 'read' | 'write' | 'own' | 'device' | 'fill'; path: string };

let count = 0;

await serveTasks(async (task: Task) => {
  if (task.kind === 'fail') {
    const options = { hint: 'Take another.', details: { path: '/hat' } };
    throw new MillinerError('PACKAGE_INVALID', 'a bad hat', options);
  }
  if (task.kind === 'break') throw new TypeError('a bug');
  if (task.kind === 'exit') process.exit(3);
  if (task.kind === 'read') return { text: await readFile(task.path, 'utf8') };
  if (task.kind === 'write') await writeFile(task.path, 'written');
  if (task.kind === 'network') return { text: await connect(task.port) };
  if (task.kind === 'device') {
    // linux/mem.c: 1, 5 is /dev/zero.
    await native().mknod(Buffer.from(task.path), 0o020666, 1, 5);
    await (await open(task.path)).close();
  }
  if (task.kind === 'fill') await writeFile(task.path, Buffer.alloc(8 << 20));
  if (task.kind === 'own') await chown(task.path, 1, 1);
  if (task.kind === 'flood')
    for (;;) await new Promise((done) => process.stdout.write('x'.repeat(1 << 20), done));
  await sleep(task.kind === 'wait' ? 60_000 : 20);
  return { count: ++count };
});

function connect(port: number): Promise<string> {
  const socket = createConnection(port, '127.0.0.1');
  return new Promise((resolve) => {
    socket.on('connect', () => resolve('connected'));
    socket.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? ''));
  });
}
