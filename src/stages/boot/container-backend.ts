/** Instances in containers: those of an OCI runtime, and those of systemd-nspawn. */
import type { BackendName, OciRuntime } from '../../lib/container/backend-names.ts';
import type { Isolator } from '../../lib/container/isolator.ts';
import { nspawnIsolator, nspawnVersion } from '../../lib/container/nspawn/nspawn.ts';
import { ociIsolator } from '../../lib/container/oci-isolator.ts';
import { runtimeVersion } from '../../lib/container/runtime.ts';
import type { Backend } from './backend.ts';
import { ContainerInstance } from './container-instance.ts';
import { joinOwnNetwork } from './own-network.ts';
import { trialProblem } from './trial.ts';

export async function ociBackend(runtime: OciRuntime): Promise<Backend> {
  return containerBackend(runtime, await runtimeVersion(runtime), ociIsolator(runtime));
}

export async function nspawnBackend(): Promise<Backend> {
  return containerBackend('nspawn', await nspawnVersion(), nspawnIsolator);
}

function containerBackend(name: BackendName, version: string, isolator: Isolator): Backend {
  return {
    name,
    title: `${name} ${version}`,
    ownDisk: false,
    joinsNetworks: true,
    problem: (place) => trialProblem(isolator, place),
    lacks: async () => [],
    beginNetwork: async (options) => {
      const own = await joinOwnNetwork(options);
      // Its failure is thrown where the instance asks for the same.
      if (isolator.joinsSpaces) own.membership?.makeSpace().catch(() => undefined);
      return own;
    },
    start: (options) => ContainerInstance.start(options, isolator),
    reach: (place) => ({
      exec: (args, options) => isolator.exec(place, args, options),
      attach: (args, signal) => isolator.attach(place, args, signal),
      show: (args, signal) => isolator.show(place, args, signal),
      signal: (signal) => isolator.signal(place, signal),
      ...(isolator.pause && { pause: (what) => isolator.pause!(place, what) }),
    }),
  };
}
