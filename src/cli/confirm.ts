/** Asks before a command does what cannot be undone. */
import { createInterface } from 'node:readline/promises';
import { MillinerError } from '../lib/errors/error.ts';
import type { Terminal } from './password.ts';

/** Only `y` or `yes` is a yes. Throws USAGE where there is no terminal, INTERRUPTED. */
export async function confirm(
  question: string,
  {
    signal,
    terminal = { input: process.stdin, output: process.stderr },
  }: { signal?: AbortSignal | undefined; terminal?: Terminal } = {},
): Promise<boolean> {
  if (terminal.input.isTTY !== true) {
    throw new MillinerError('USAGE', `${question} There is no terminal to ask at: nothing was done`, {
      hint: 'Use --yes to do it without a question, or --dry-run to look at it first.',
    });
  }
  const reader = createInterface({ input: terminal.input, output: terminal.output });
  try {
    const answer = await reader.question(`${question} [y/N] `, { signal });
    return /^y(?:es)?$/i.test(answer.trim());
  } catch (cause) {
    throw new MillinerError('INTERRUPTED', 'stopped at the question', { cause });
  } finally {
    reader.close();
  }
}
