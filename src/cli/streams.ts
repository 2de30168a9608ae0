/** Handles output that cannot be written: the reader has closed the pipe, or the disk is full. */
import { exitCodes } from '../lib/errors/error.ts';
import { printable } from '../lib/host/printable.ts';

/**
 * A closed pipe (| head) or an unwritable stderr must not stop a build half way. An answer that cannot be written to a
 * full disk is a failure: the command ends with the exit code for a full disk.
 */
export function surviveLostOutput(): void {
  // oclif's listener throws, where no command can catch it.
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
