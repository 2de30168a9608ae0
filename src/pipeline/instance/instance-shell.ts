/** A shell in an instance, for `boot --shell`: in one that has failed, or in one that is ready. */
import type { BackendName } from '../../lib/container/backend-names.ts';
import { MillinerError } from '../../lib/errors/error.ts';
import type { Context } from '../state/context.ts';
import { execInInstance, stopInstances } from './control.ts';
import { runInstances } from './run.ts';

/** Run by the image's own shell, which images have more often than bash. */
const shell = ['/bin/sh', '-c', 'command -v bash >/dev/null && exec bash; exec sh'];
/** What a runtime answers if it cannot start the program. */
const notStarted = [126, 127, 255];

/** With this process's terminal. Throws INSTANCE_FAILED if the image has no shell. */
export async function openShell(context: Context, id: string): Promise<void> {
  const exitCode = await execInInstance(context, id, shell);
  if (!notStarted.includes(exitCode)) return;
  throw new MillinerError(
    'INSTANCE_FAILED',
    `${id}: no shell could be started in it (exit status ${exitCode})`,
  );
}

/** Starts one more instance of an image that has passed, opens a shell in it once it is ready, and stops it. */
export async function openShellInNew(
  context: Context,
  image: string,
  backend: BackendName | 'auto' | undefined,
): Promise<void> {
  let shown: Promise<unknown> = Promise.resolve();
  await runInstances(context, {
    image,
    instances: 1,
    ports: [],
    backend,
    onLine: () => {},
    onReady: ({ instances: [instance] }) => {
      const { id } = instance!;
      shown = openShell(context, id).finally(() => stopInstances(context, [id]));
      // Thrown below, once the instance has ended.
      shown.catch(() => undefined);
    },
  });
  await shown;
}
