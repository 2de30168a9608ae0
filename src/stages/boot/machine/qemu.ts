/** A running QEMU: confined, in a control group of its own, with one port to the agent. */
import { writeFile } from 'node:fs/promises';
import type { Duplex } from 'node:stream';
import { makeLimitedGroup } from '../../../lib/container/limited-group.ts';
import { MillinerError } from '../../../lib/errors/error.ts';
import { handedDescriptor, startHeldConfined, type HeldChild } from '../../../lib/host/confined.ts';
import { killGroup, run } from '../../../lib/host/exec.ts';
import { native } from '../../../lib/host/native.ts';
import { limitResources, type Limits } from '../limit-resources.ts';
import { guestMemory, wordsFor, type Acceleration, type Card, type MachineFiles } from './qemu-words.ts';

const qemu = 'qemu-system-x86_64';

/** Bytes for QEMU itself, and for code that TCG has translated. */
const ownMemory = 256 * 1024 * 1024;
const maxThreads = 128;
/** Characters of the console that are kept. */
const maxConsole = 16_384;

/** MILLINER_TCG is for tests and operators: hosts with /dev/kvm can do without it. */
async function acceleration(): Promise<Acceleration> {
  if (process.env['MILLINER_TCG'] !== undefined) return 'tcg';
  return (await native().kvmWorks()) ? 'kvm' : 'tcg';
}

/** Such as `qemu 7.2.22 (tcg)`. Throws HOST_MISSING. */
export async function describeQemu(): Promise<string> {
  const { stdout } = await run(qemu, ['--version']).catch((error: Error) => {
    throw new MillinerError('HOST_MISSING', error.message, {
      hint: 'Install QEMU: apt-get install qemu-system-x86 (Debian), dnf install qemu-system-x86-core (Fedora).',
      details: { program: qemu },
    });
  });
  return `qemu ${/version (\S+)/.exec(stdout)?.[1] ?? 'of unknown version'} (${await acceleration()})`;
}

export interface Qemu {
  /** To the agent. */
  port: Duplex;
  /** The last that the guest's kernel and QEMU have said. */
  console: () => string;
  /** Resolves when it has ended. */
  ended: Promise<void>;
  kill: () => void;
}

/** @param id of its control groups */
export async function startQemu(id: string, files: MachineFiles, limits: Limits, card?: Card): Promise<Qemu> {
  const accel = await acceleration();
  const memory = guestMemory(limits);
  const { cpus, cpuWeight, disk } = limits;
  const own = { cpus, cpuWeight, disk, memory: memory + ownMemory, pids: maxThreads };
  const groups = await makeLimitedGroup(id, await limitResources(own));
  const { directory } = files;
  const devices = accel === 'kvm' ? ['/dev/kvm'] : [];
  const words = wordsFor(files, limits, accel, card && { hardware: card.hardware, fd: handedDescriptor });
  const reach = { writes: directory, files: files.disks.map(({ file }) => file), devices };
  const child = startHeldConfined(qemu, words, reach, card ? [card.fd] : []);
  const qemuEnded = Promise.withResolvers<void>();
  let said = '';
  const hear = (chunk: Buffer) => (said = (said + chunk.toString('latin1')).slice(-maxConsole));
  child.stdout!.on('data', hear);
  child.stderr!.on('data', hear);
  child.once('error', (error) => (said += error.message));
  child.once('close', () => qemuEnded.resolve());
  try {
    await letGo(groups, child);
  } catch (error) {
    end(child);
    await qemuEnded.promise;
    throw error;
  }
  return {
    port: child.stdio[3] as Duplex,
    console: () => said,
    ended: qemuEnded.promise,
    kill: () => end(child),
  };
}

/** It waits until it is in its groups. */
async function letGo(groups: string[], child: HeldChild): Promise<void> {
  const inner = await child.innerPid;
  if (inner === undefined || child.pid === undefined) return;
  for (const group of groups) {
    for (const pid of [child.pid, inner]) await writeFile(group, String(pid));
  }
  child.letGo();
}

function end(child: HeldChild): void {
  if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) killGroup(child.pid);
}
