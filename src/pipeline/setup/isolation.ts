/** For `doctor`: what instances can have on this host beyond what every boot needs. Lacking it is no fault of the host. */
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nspawnIsolator, nspawnProblem, nspawnVersion } from '../../lib/container/nspawn/nspawn.ts';
import { describeKernel } from '../../stages/boot/machine/kernel.ts';
import { describeQemu } from '../../stages/boot/machine/qemu.ts';
import { PrivateNetwork } from '../../stages/boot/private-network.ts';
import { trialProblem } from '../../stages/boot/trial.ts';
import { withWorkspace } from '../state/workspace.ts';
import { installCommand, probe, type Finding } from './doctor.ts';

/** Starts instances and networks, and so is not for every start of a worker. */
export async function examineIsolation(state: string): Promise<Finding[]> {
  return [await describeMachine(), await describeNspawn(state), await describeNetworks()];
}

/** Most hosts boot images in containers alone. */
async function describeMachine(): Promise<Finding> {
  const what = 'virtual machines (backend machine)';
  const finding = await probe(what, async () => `${await describeQemu()}, ${await describeKernel()}`);
  if (finding.ok) return finding;
  return { what, ok: true, found: `none: ${finding.found}`, ...(finding.mend && { advice: finding.mend }) };
}

/** Recipes may ask for it; most do not. */
async function describeNspawn(state: string): Promise<Finding> {
  const what = 'systemd-nspawn (the backend nspawn)';
  const wanted = installCommand('systemd-container', 'systemd-container');
  const missing = await nspawnProblem();
  if (missing !== undefined) return { what, ok: true, found: `none: ${missing}`, advice: wanted };
  const place = existsSync(state) ? state : await mkdtemp(join(tmpdir(), 'milliner-doctor-'));
  const problem = await withWorkspace(place, (work) =>
    trialProblem(nspawnIsolator, { ...work, hasIds: true }),
  );
  if (place !== state) await rm(place, { recursive: true });
  return {
    what,
    ok: true,
    found: problem === undefined ? `works (${await nspawnVersion()})` : `does not work: ${problem}`,
  };
}

/** Instances alone need none: bandwidth, published ports, stacks and a way out do. Found by making one of each kind. */
async function describeNetworks(): Promise<Finding> {
  const what = 'networks of instances (iproute2, nftables, slirp4netns)';
  const finding = await probe(what, async () => {
    for (const destinations of [undefined, []]) {
      const id = `milliner-doctor-${process.pid}`;
      const network = await PrivateNetwork.create(id, destinations);
      try {
        await network.join({ name: 'doctor', bandwidth: 1e6 }).makeSpace();
      } finally {
        await network.close();
      }
    }
    return 'private ones and ways out work';
  });
  if (finding.ok) return finding;
  return { what, ok: true, found: finding.found, ...(finding.mend && { advice: finding.mend }) };
}
