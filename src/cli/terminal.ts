/** Progress on stderr: one updated line on a terminal, plain lines in a log, nothing with --quiet. */
import { printable } from '../lib/host/printable.ts';
import type { Progress } from '../lib/host/progress.ts';

/** Milliseconds between two updates of the same line. */
const refreshMilliseconds = 100;

export function terminalProgress(stream: NodeJS.WriteStream): Progress & { end(): void } {
  const progress = stream.isTTY ? movingLine(stream) : plainLines(stream);
  return {
    step: (text) => progress.step(printable(text)),
    update: (text, done, total) => progress.update(printable(text), done, total),
    warn: (text) => progress.warn(printable(text)),
    end: () => progress.end(),
  };
}

function movingLine(stream: NodeJS.WriteStream): Progress & { end(): void } {
  let drawn = false;
  let last = 0;
  const clear = () => {
    if (drawn) stream.write('\r\u001B[K');
    drawn = false;
  };
  const line = (text: string) => {
    clear();
    stream.write(`${text}\n`);
  };
  return {
    step: line,
    warn: (text) => line(`warning: ${text}`),
    update(text, done, total) {
      const now = Date.now();
      if (now - last < refreshMilliseconds && done < total) return;
      last = now;
      clear();
      if (done >= total) return;
      stream.write(`${text}: ${done} of ${total}`);
      drawn = true;
    },
    end: clear,
  };
}

/** A log needs a sign of life, not every single step. */
function plainLines(stream: NodeJS.WriteStream): Progress & { end(): void } {
  let told = '';
  return {
    step: (text) => void stream.write(`${text}\n`),
    warn: (text) => void stream.write(`warning: ${text}\n`),
    update(text, done, total) {
      const line = `${text}: ${Math.floor((4 * done) / total) * 25}% of ${total}`;
      if (line === told) return;
      told = line;
      stream.write(`${line}\n`);
    },
    end() {},
  };
}
