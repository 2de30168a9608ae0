/** For `run`: starts what an image or a stack means, in this process or in one that a parent tells what to do. */
import { MillinerError } from '../../lib/errors/error.ts';
import { failureOf } from '../../lib/errors/wire.ts';
import { withContext, type Context, type RunOptions } from '../state/context.ts';
import { reportToParent } from './detach.ts';
import type { PullOptions } from './pull-stack.ts';
import { runInstances, type RunRequest, type Started } from './run.ts';
import type { StartedStack } from './run-stack.ts';

export interface SupervisedRequest extends Pick<
  RunRequest,
  'image' | 'instances' | 'ports' | 'backend' | 'settings'
> {
  options: Pick<RunOptions, 'state' | 'storage' | 'allowHostRoot'>;
  /** Where the image is a stack. */
  stack?: PullOptions | undefined;
}

/** Resolves when the instances have ended; a failure is reported to the parent. */
export async function supervise(request: SupervisedRequest): Promise<void> {
  const signal = endSignal();
  const progress = {
    step: () => {},
    update: () => {},
    warn: (line: string) => reportToParent({ line: `warning: ${line}` }),
  };
  try {
    await withContext({ ...request.options, progress, signal }, (context) =>
      runAny(context, request, { onLine: () => {}, onReady: (answer) => reportToParent({ answer }) }),
    );
  } catch (error) {
    reportToParent({ error: failureOf(error) });
    process.exitCode = 1;
  }
}

interface Told {
  onLine: RunRequest['onLine'];
  /** Called once, when all are ready. */
  onReady: (started: Started | StartedStack) => void;
}

/** Resolves when all instances have ended. */
export async function runAny(
  context: Context,
  { stack, ...request }: Omit<SupervisedRequest, 'options'>,
  told: Told,
): Promise<void> {
  if (!stack) return runInstances(context, { ...request, ...told });
  const [{ findStack }, { runStack }] = await Promise.all([
    import('./find-stack.ts'),
    import('./run-stack.ts'),
  ]);
  const found = await findStack(context, request.image, stack);
  return runStack(context, found, { backend: request.backend, ...told });
}

/** The first signal lets the instances stop; a second one ends the process at once. */
function endSignal(): AbortSignal {
  const stop = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      const interrupted = new MillinerError('INTERRUPTED', `stopped by ${name}`);
      if (stop.signal.aborted) process.exit(interrupted.exitCode);
      stop.abort(interrupted);
    });
  }
  return stop.signal;
}
