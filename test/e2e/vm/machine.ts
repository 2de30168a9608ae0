/**
 * A virtual machine without hardware virtualisation that has this host's root, read-only, and what CI's containers
 * lack: device-mapper. What it computes takes many times longer than outside.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFile, mkdir, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { cache, checkout } from '../../../spec/places.ts';
import { shellWords } from '../../helpers/shell-words.ts';
import { prepareKernel } from './kernel.ts';

export interface MachineOptions {
  /** Program and arguments, run in the checkout by root. */
  command: string[];
  environment?: Record<string, string>;
  /**
   * Directories of the host besides the checkout that the machine has at the same paths, also where it mounts
   * something else, as on /tmp; what it writes there is forgotten.
   */
  directories?: string[];
  /** Disk files that outlive the machine: /dev/vdb, /dev/vdc. A write reaches the file as the guest flushes it. */
  disks?: string[];
  /**
   * One, unless told: on several, code that Node's compiler has just written is now and then not what this emulator
   * runs, and Node dies of SIGSEGV.
   */
  processors?: number;
  onLine?: (line: string) => void;
}

interface Ended {
  /** Undefined where it was powered off before the command had ended. */
  exitCode: number | undefined;
  output: string;
  /** What the command wrote to /vm/result. */
  result: string | undefined;
  /** The kernel's messages. */
  console: string;
}

export interface Machine {
  /** As if the cable were pulled. */
  powerOff: () => void;
  ended: Promise<Ended>;
}

const memory = '3G';
/** What Node has compiled in one machine serves the next: that is the slowest thing in there. */
const compiled = join(cache, 'vm', 'compiled');
const scratch = 24 * 1024 ** 3;

export async function startMachine(options: MachineOptions): Promise<Machine> {
  const kernel = await prepareKernel();
  await mkdir(compiled, { recursive: true });
  const share = await mkdtemp(join(tmpdir(), 'milliner-vm-'));
  await copyFile(join(import.meta.dirname, 'start.sh'), join(share, 'start'));
  const directories = [checkout, ...(options.directories ?? [])];
  await mkdir(join(share, 'directories'));
  for (const [number, path] of directories.entries()) {
    await writeFile(join(share, 'directories', String(number)), path);
  }
  const soak = process.env['MILLINER_SOAK'];
  const variables = {
    PATH: process.env['PATH'] ?? '',
    MILLINER_VM: '1',
    TMPDIR: '/var/tmp',
    NODE_COMPILE_CACHE: '/var/cache/compiled',
    ...(soak !== undefined && { MILLINER_SOAK: soak }),
    ...options.environment,
  };
  const exports = Object.entries(variables).map(([name, value]) => `export ${name}=${shellWords([value])}\n`);
  await writeFile(join(share, 'command'), `${exports.join('')}exec ${shellWords(options.command)}\n`);
  const disk = join(share, 'scratch');
  await writeFile(disk, '');
  await truncate(disk, scratch);
  const qemu = spawn('qemu-system-x86_64', wordsFor(kernel, share, disk, { ...options, directories }), {
    // An input that ends would close the output too.
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let complaints = '';
  qemu.stderr.on('data', (chunk: Buffer) => (complaints += chunk.toString()));
  const lines: string[] = [];
  createInterface({ input: qemu.stdout }).on('line', (line) => {
    lines.push(line);
    options.onLine?.(line);
  });
  const closed = once(qemu, 'close');
  const ended = async (): Promise<Ended> => {
    await closed;
    const exit = await readFile(join(share, 'exit'), 'utf8').catch(() => undefined);
    const result = await readFile(join(share, 'result'), 'utf8').catch(() => undefined);
    const console = await readFile(join(share, 'console'), 'utf8').catch(() => complaints);
    await rm(share, { recursive: true });
    const exitCode = exit === undefined ? undefined : Number(exit);
    return { exitCode, result, output: lines.join('\n'), console: console + complaints };
  };
  return { powerOff: () => void qemu.kill('SIGKILL'), ended: ended() };
}

/** Runs a command to its end; throws with the last of what was said where it fails. */
export async function runInMachine(options: MachineOptions): Promise<string> {
  const { exitCode, output, console } = await (await startMachine(options)).ended;
  if (exitCode === 0) return output;
  const words = `${output}\n${console}`.split('\n').slice(-60).join('\n');
  throw new Error(`${options.command.join(' ')} in the virtual machine: exit ${exitCode}\n${words}`);
}

const fixed = [
  '-accel tcg,thread=multi -cpu max -M q35 -nodefaults -no-user-config -display none -no-reboot',
  `-m ${memory} -device virtio-rng-pci -device virtio-serial -chardev stdio,id=output,signal=off`,
  '-device virtserialport,chardev=output,name=output',
].flatMap((words) => words.split(' '));

/** In QEMU's lists of options a comma ends a value. */
const valueOf = (path: string) => path.replaceAll(',', ',,');

function wordsFor(
  kernel: Awaited<ReturnType<typeof prepareKernel>>,
  share: string,
  scratchDisk: string,
  { directories = [], disks = [], processors = 1 }: MachineOptions,
): string[] {
  const drive = (file: string, mode: string) => [
    '-drive',
    `file=${valueOf(file)},format=raw,if=virtio,cache=${mode},discard=unmap`,
  ];
  const nine = (path: string, tag: string, more: string) => [
    '-fsdev',
    `local,id=${tag},path=${valueOf(path)},security_model=none,multidevs=remap${more}`,
    '-device',
    `virtio-9p-pci,fsdev=${tag},mount_tag=${tag}`,
  ];
  return [
    ...fixed,
    '-smp',
    String(processors),
    '-kernel',
    kernel.image,
    '-initrd',
    kernel.initramfs,
    '-append',
    'console=ttyS0 loglevel=4 panic=-1 rdinit=/init mitigations=off tsc=reliable',
    '-serial',
    `file:${join(share, 'console')}`,
    ...nine('/', 'root', ',readonly=on'),
    ...nine(kernel.modules, 'modules', ',readonly=on'),
    ...directories.flatMap((path, number) => nine(path, `directory${number}`, ',readonly=on')),
    ...nine(share, 'share', ''),
    ...nine(compiled, 'compiled', ''),
    ...drive(scratchDisk, 'unsafe'),
    ...disks.flatMap((file) => drive(file, 'writeback')),
  ];
}
