/** Hands the command line to oclif, which finds the command and runs it. */
import { handle, run } from '@oclif/core';
import { printable } from '../lib/host/printable.ts';
import { surviveLostOutput } from './streams.ts';

/** @param from URL of the entry point, above which oclif looks for package.json and the manifest */
export function start(args: string[], from: string): void {
  surviveLostOutput();
  const tell = (error: Error) => {
    error.message = printable(error.message);
    return handle(error);
  };
  // Not awaited: a command that can never end would then end as Node's error, and not as ours.
  void run(args, from).catch(tell);
}
