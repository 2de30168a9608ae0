/** Containers of an OCI runtime. */
import type { OciRuntime } from './backend-names.ts';
import type { Isolator } from './isolator.ts';
import {
  attachToContainer,
  containerPid,
  execInContainer,
  pauseContainer,
  removeContainer,
  showFromContainer,
  signalContainer,
  startContainer,
  startFailure,
  type Container,
} from './runtime.ts';

/** @param runtime absent for the first one that works */
export function ociIsolator(runtime?: OciRuntime): Isolator {
  const mine = (container: Container): Container => ({ ...container, ...(runtime && { runtime }) });
  return {
    mountPoints: ['dev', 'proc', 'sys'],
    joinsSpaces: true,
    start: async (container, config) => {
      const { child } = await startContainer(mine(container), { config, streaming: true, watched: true });
      return { stdout: child.stdout, stderr: child.stderr, ended: child.then(({ exitCode }) => exitCode) };
    },
    startFailure: (container) => startFailure(mine(container)),
    pid: (container) => containerPid(mine(container)),
    exec: (container, args, options) => execInContainer(mine(container), args, options),
    attach: (container, args, signal) => attachToContainer(mine(container), args, signal),
    show: (container, args, signal) => showFromContainer(mine(container), args, signal),
    signal: (container, name) => signalContainer(mine(container), name),
    pause: (container, what) => pauseContainer(mine(container), what),
    remove: (container) => removeContainer(mine(container)),
  };
}
