/** The machine that QEMU is told to make. */
import type { Limits } from '../limit-resources.ts';

/** Bytes of the guest's memory for its kernel and our agent, besides what the instance may use. */
const kernelMemory = 128 * 1024 * 1024;
/** A part of the memory holds what the kernel knows of each page. */
const pageShare = 1 / 32;
/** Megabytes of code that TCG has translated. */
const translated = 128;

export type Acceleration = 'kvm' | 'tcg';

export interface MachineFiles {
  /** That QEMU may write to; the others are in it. */
  directory: string;
  kernel: string;
  initramfs: string;
  disks: readonly GuestDisk[];
}

export interface GuestDisk {
  file: string;
  /** What the agent knows it by. */
  serial: string;
  readonly?: boolean;
  /** Whether what the guest has written out is still there after a failure of the host. */
  isLasting?: boolean;
}

/** Of a network. */
export interface Card {
  /** Of its tap device. */
  fd: number;
  hardware: string;
}

/** Of the machine, in bytes: whole mebibytes. */
export function guestMemory({ memory }: Pick<Limits, 'memory'>): number {
  const mebibyte = 1024 * 1024;
  return Math.ceil((memory * (1 + pageShare) + kernelMemory) / mebibyte) * mebibyte;
}

/** In QEMU's lists of options a comma ends a value. */
const valueOf = (path: string) => path.replaceAll(',', ',,');

export function wordsFor(files: MachineFiles, limits: Limits, accel: Acceleration, card?: Card): string[] {
  const fixed = [
    '-M q35,vmport=off,sata=off,smbus=off,usb=off,graphics=off',
    '-nodefaults -no-user-config -display none -no-reboot',
    accel === 'kvm'
      ? '-accel kvm -cpu host,arch-capabilities=off'
      : `-accel tcg,tb-size=${translated} -cpu max`,
    `-m ${guestMemory(limits) / 1024 / 1024} -smp ${Math.max(1, Math.ceil(limits.cpus ?? 1))}`,
    '-sandbox on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny',
    '-chardev stdio,id=console,signal=off -serial chardev:console',
    '-chardev socket,id=agent,fd=3 -device virtio-serial -device virtserialport,chardev=agent,name=agent',
  ].flatMap((words) => words.split(' '));
  const kernelWords =
    'console=ttyS0 loglevel=4 panic=-1 rdinit=/init cgroup_no_v1=all mitigations=off tsc=reliable';
  const disks = files.disks.flatMap((disk) => diskWords(disk, limits));
  const booted = ['-kernel', files.kernel, '-initrd', files.initramfs, '-append', kernelWords];
  return [...fixed, ...booted, ...disks, ...(card ? cardWords(card) : [])];
}

/** What all disks together read and write in a second is bounded by QEMU. */
function diskWords({ file, serial, readonly = false, isLasting = false }: GuestDisk, { io }: Limits) {
  const rates = [
    ...(io?.read === undefined ? [] : [`throttling.bps-read=${io.read}`]),
    ...(io?.write === undefined ? [] : [`throttling.bps-write=${io.write}`]),
  ];
  const drive = [
    `file=${valueOf(file)},id=${serial},format=raw,if=none,discard=unmap,werror=report`,
    `cache=${isLasting ? 'writeback' : 'unsafe'},readonly=${readonly ? 'on' : 'off'}`,
    ...(rates.length > 0 ? [...rates, 'throttling.group=disks'] : []),
  ];
  return ['-drive', drive.join(','), '-device', `virtio-blk-pci,drive=${serial},serial=${serial}`];
}

/** Without the firmware that would boot from it. */
function cardWords({ fd, hardware }: Card): string[] {
  const device = `virtio-net-pci,netdev=link,mac=${hardware},romfile=`;
  return ['-netdev', `tap,id=link,fd=${fd}`, '-device', device];
}
