/** Instances in containers of an OCI runtime. */
import type { OciRuntime } from '../../lib/container/backend-names.ts';
import {
  attachToContainer,
  execInContainer,
  runtimeVersion,
  showFromContainer,
  signalContainer,
} from '../../lib/container/runtime.ts';
import type { Backend } from './backend.ts';
import { ContainerInstance } from './container-instance.ts';

export async function ociBackend(runtime: OciRuntime): Promise<Backend> {
  return {
    name: runtime,
    title: `${runtime} ${await runtimeVersion(runtime)}`,
    ownDisk: false,
    lacks: async () => [],
    start: (options) => ContainerInstance.start({ ...options, runtime }),
    reach: (place) => {
      const container = { ...place, runtime };
      return {
        exec: (args, options) => execInContainer(container, args, options),
        attach: (args, signal) => attachToContainer(container, args, signal),
        show: (args, signal) => showFromContainer(container, args, signal),
        signal: (name) => signalContainer(container, name),
      };
    },
  };
}
