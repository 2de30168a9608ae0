/**
 * A process that runs commands one after another, as the built program does: what Node takes to start and to load the
 * program is paid once for a file of tests. command-client.ts starts it.
 */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { handle, run } from '@oclif/core';
import { checkout } from '../../spec/places.ts';
import type { Order, Outcome } from './command-client.ts';

const cli = join(checkout, 'dist', 'cli.js');

async function obey({ args, cwd, env }: Order): Promise<Outcome> {
  for (const name of Object.keys(process.env)) delete process.env[name];
  Object.assign(process.env, env, { NODE_COMPILE_CACHE: join(checkout, 'dist', '.compiled') });
  process.argv = [process.execPath, cli, ...args];
  process.exitCode = undefined;
  process.chdir(cwd);
  const [stdout, stderr] = [captured(process.stdout), captured(process.stderr)];
  await run(args, pathToFileURL(cli).href).catch(handle);
  // A command listens until its process ends.
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.removeAllListeners(signal);
  process.chdir('/');
  return { code: exitCode(), stdout: stdout(), stderr: stderr() };
}

const exitCode = () => Number(process.exitCode ?? 0);

/** Takes what is written to it from here on; gives it as text. */
function captured(stream: NodeJS.WriteStream): () => string {
  const pieces: Buffer[] = [];
  stream.write = (piece: string | Uint8Array, ...rest: unknown[]) => {
    pieces.push(Buffer.from(piece as string));
    const done = rest.at(-1);
    if (typeof done === 'function') process.nextTick(done);
    return true;
  };
  return () => Buffer.concat(pieces).toString();
}

// A command that has ended ends its process, now or a second later: here only its exit code counts.
process.exit = ((code?: number) => {
  if (code !== undefined) process.exitCode = code;
}) as typeof process.exit;
process.on('disconnect', () => process.kill(process.pid, 'SIGKILL'));
process.on('message', (order: Order) => {
  void obey(order).then((outcome) => process.send!(outcome));
});
