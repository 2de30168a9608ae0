/** What becomes of a command when nobody takes what it writes: the reader has gone, or the disk below is full. */
import { exitCodes } from '../lib/errors/error.ts';
import { printable } from '../lib/host/printable.ts';

/**
 * A reader that has left (| head), and a story that cannot be told, are no reason to leave a build half done. An
 * answer that cannot be written is no success: the command ends as one that had no space.
 */
export function surviveLostOutput(): void {
  // oclif throws there, out of reach of every command.
  process.stdout.removeAllListeners('error');
  process.stderr.on('error', () => undefined);
  let lost: NodeJS.ErrnoException | undefined;
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE' || lost) return;
    lost = error;
    process.stderr.write(printable(`DISK_FULL: the answer cannot be written: ${error.message}\n`));
  });
  process.on('exit', (code) => {
    if (lost && code === 0) process.exitCode = exitCodes.storage;
  });
}
