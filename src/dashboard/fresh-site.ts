/** The site of a state, written again when the state has changed, by a process of its own: a large site takes a minute. */
import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import { extname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { MillinerError } from '../lib/errors/error.ts';
import { startCommand } from '../lib/host/exec.ts';
import { readdirIfThere } from '../lib/host/files.ts';

/** Milliseconds between two looks at the state. */
const pause = 5000;
const maxStderrBytes = 4096;
const commandLine = join(import.meta.dirname, '..', `cli${extname(import.meta.filename)}`);

interface SiteOptions {
  state: string;
  /** Where to write it. */
  directory: string;
  onError: (error: unknown) => void;
}

/** Writes until the signal. A site that cannot be written stays as it was, and is tried again after the next change. */
export async function refreshSite(options: SiteOptions, signal: AbortSignal): Promise<void> {
  let written: string | undefined;
  while (!signal.aborted) {
    const now = await fingerprintOf(options.state);
    if (now !== written) {
      await write(options, signal).catch((error: unknown) => {
        if (!signal.aborted) options.onError(error);
      });
      written = now;
    }
    await sleep(pause, undefined, { signal }).catch(() => undefined);
  }
}

/** Milliner replaces its records by renaming, which changes the times of their directories. */
async function fingerprintOf(state: string): Promise<string> {
  const nights = ((await readdirIfThere(join(state, 'nights'))) ?? []).map((set) => `nights/${set}`);
  const folders = ['images', 'former', 'indexes', 'published', 'verdicts', 'nights', ...nights.toSorted()];
  const times = await Promise.all(
    folders.map((folder) =>
      stat(join(state, folder), { bigint: true }).then(
        ({ mtimeNs }) => `${folder} ${mtimeNs}`,
        () => folder,
      ),
    ),
  );
  return times.join('\n');
}

async function write({ state, directory }: SiteOptions, signal: AbortSignal): Promise<void> {
  const child = startCommand(commandLine, ['site', '--out', directory, '--state', state, '--json']);
  const stop = () => child.kill('SIGTERM');
  signal.addEventListener('abort', stop);
  let words = '';
  for (const stream of [child.stdout!, child.stderr!]) {
    stream.on('data', (chunk: Buffer) => (words = `${words}${chunk.toString()}`.slice(-maxStderrBytes)));
  }
  try {
    const [code] = (await once(child, 'close')) as [number | null];
    if (code !== 0) throw new MillinerError('COMMAND_FAILED', `the site was not written: ${words}`);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
