/** Reads the password of a private key: from the environment in automation, from the terminal otherwise. */
import { createInterface } from 'node:readline';
import { Writable } from 'node:stream';
import { MillinerError } from '../lib/errors/error.ts';

export const passwordVariable = 'MILLINER_KEY_PASSWORD';

export interface Terminal {
  input: NodeJS.ReadableStream & { isTTY?: boolean };
  output: NodeJS.WritableStream;
}

/**
 * Asks for a password. A typing error would make a key that cannot be opened: `confirm` asks twice and refuses an empty
 * one. Throws PASSWORD_MISSING, INTERRUPTED.
 */
export async function askPassword(
  prompt: string,
  {
    confirm,
    signal,
    terminal = { input: process.stdin, output: process.stderr },
  }: { confirm: boolean; signal?: AbortSignal | undefined; terminal?: Terminal },
): Promise<string> {
  const given = process.env[passwordVariable];
  if (confirm && given === '') {
    throw new MillinerError('PASSWORD_MISSING', `${passwordVariable} is empty: a new key needs a password`);
  }
  if (given !== undefined) return given;
  if (terminal.input.isTTY !== true) {
    throw new MillinerError(
      'PASSWORD_MISSING',
      `${passwordVariable} is not set, and there is no terminal to ask at`,
    );
  }
  const hidden = hiddenReader(terminal, signal);
  try {
    const password = await hidden.ask(`${prompt}: `);
    if (!confirm) return password;
    if (password === '') throw new MillinerError('PASSWORD_MISSING', 'a new key needs a password');
    if ((await hidden.ask(`${prompt} again: `)) === password) return password;
    throw new MillinerError('PASSWORD_MISSING', 'the two passwords differ');
  } finally {
    hidden.close();
  }
}

/** readline in terminal mode switches off the terminal's echo. Its own echo is discarded here. */
function hiddenReader({ input, output }: Terminal, signal: AbortSignal | undefined) {
  const nowhere = new Writable({ write: (_chunk, _encoding, done) => done() });
  const reader = createInterface({ input, output: nowhere, terminal: true, historySize: 0, signal });
  let interrupted = false;
  reader.once('SIGINT', () => {
    interrupted = true;
    reader.close();
  });
  const lines = reader[Symbol.asyncIterator]();
  return {
    async ask(prompt: string): Promise<string> {
      output.write(prompt);
      const { value, done } = await lines.next();
      output.write('\n');
      if (interrupted || signal?.aborted)
        throw new MillinerError('INTERRUPTED', 'stopped at the prompt for the password');
      if (done === true) throw new MillinerError('PASSWORD_MISSING', 'no password was given');
      return value;
    },
    close: () => reader.close(),
  };
}
