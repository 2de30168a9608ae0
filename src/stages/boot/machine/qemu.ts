/** A running QEMU: confined, in a control group of its own, with one port to the agent. */
import { writeFile } from 'node:fs/promises';
import type { Duplex } from 'node:stream';
import { makeLimitedGroup } from '../../../lib/container/limited-group.ts';
import { MillinerError } from '../../../lib/errors/error.ts';
import { startHeldConfined, type HeldChild } from '../../../lib/host/confined.ts';
import { killGroup, run } from '../../../lib/host/exec.ts';
import { native } from '../../../lib/host/native.ts';
import { limitResources, type Limits } from '../limit-resources.ts';

const qemu = 'qemu-system-x86_64';

/** Bytes of the guest's memory for its kernel and our agent, besides what the instance may use. */
const kernelMemory = 128 * 1024 * 1024;
/** A part of the memory holds what the kernel knows of each page. */
const pageShare = 1 / 32;
/** Bytes for QEMU itself, and for code that TCG has translated. */
const ownMemory = 256 * 1024 * 1024;
const translatedMegabytes = 128;
const maxThreads = 128;
/** Characters of the console that are kept. */
const maxConsole = 16_384;

type Acceleration = 'kvm' | 'tcg';

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

export interface MachineFiles {
  /** That QEMU may write to; the others are in it. */
  directory: string;
  kernel: string;
  initramfs: string;
  disk: string;
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
export async function startQemu(id: string, files: MachineFiles, limits: Limits): Promise<Qemu> {
  const accel = await acceleration();
  const memory = guestMemory(limits);
  const { cpus, disk } = limits;
  const own = { cpus, disk, memory: memory + ownMemory, pids: maxThreads };
  const groups = await makeLimitedGroup(id, await limitResources(own));
  const { directory } = files;
  const devices = accel === 'kvm' ? ['/dev/kvm'] : [];
  const child = startHeldConfined(qemu, wordsFor(files, limits, accel), { writes: directory, devices });
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

/** Of the machine, in bytes: whole mebibytes. */
function guestMemory({ memory }: Limits): number {
  const mebibyte = 1024 * 1024;
  return Math.ceil((memory * (1 + pageShare) + kernelMemory) / mebibyte) * mebibyte;
}

/** In QEMU's lists of options a comma ends a value. */
const valueOf = (path: string) => path.replaceAll(',', ',,');

function wordsFor(files: MachineFiles, limits: Limits, accel: Acceleration): string[] {
  const fixed = [
    '-M q35 -nodefaults -no-user-config -display none -no-reboot',
    accel === 'kvm'
      ? '-accel kvm -cpu host,arch-capabilities=off'
      : `-accel tcg,tb-size=${translatedMegabytes} -cpu max`,
    `-m ${guestMemory(limits) / 1024 / 1024} -smp ${Math.max(1, Math.ceil(limits.cpus ?? 1))}`,
    '-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny',
    '-chardev stdio,id=console,signal=off -serial chardev:console',
    '-chardev socket,id=agent,fd=3 -device virtio-serial -device virtserialport,chardev=agent,name=agent',
  ].flatMap((words) => words.split(' '));
  const kernelWords =
    'console=ttyS0 loglevel=4 panic=-1 rdinit=/init cgroup_no_v1=all mitigations=off tsc=reliable';
  const drive = `file=${valueOf(files.disk)},format=raw,if=virtio,cache=unsafe,discard=unmap,werror=report`;
  const booted = ['-kernel', files.kernel, '-initrd', files.initramfs, '-append', kernelWords];
  return [...fixed, ...booted, '-drive', drive];
}
