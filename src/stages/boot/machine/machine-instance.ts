/** An instance in a virtual machine, from start to removal. */
import { closeSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { finished } from 'node:stream/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { removeGroups, type GroupState } from '../../../lib/container/cgroups.ts';
import type { ExecOptions } from '../../../lib/container/followed-program.ts';
import { numberOfSignal } from '../../../lib/container/stop-signal.ts';
import { LineSplitter } from '../../../lib/host/lines.ts';
import { argumentsOf } from '../config.ts';
import { StartError, stopSignalOf, type Ended, type Instance, type InstanceOptions } from '../instance.ts';
import { checkControllers } from '../limits.ts';
import { splitTables } from '../listening.ts';
import type { Membership } from '../membership.ts';
import type { Dial } from '../network-access.ts';
import { InstanceNetwork } from '../network.ts';
import type { OwnNetwork } from '../membership.ts';
import { joinOwnNetwork, networkFiles } from '../own-network.ts';
import { findUser } from '../user.ts';
import { ChannelSocket } from './channel-socket.ts';
import { execInGuest, readGuestTables } from './guest-exec.ts';
import { handedSettings, volumeDisks } from './guest-handed.ts';
import { guestSettings, type GuestSettings } from './guest-settings.ts';
import { Guest } from './guest.ts';
import { makeInitramfs } from './initramfs.ts';
import { findKernel } from './kernel.ts';
import { neededModules } from './kernel-modules.ts';
import { startQemu, type Qemu } from './qemu.ts';
import type { Card, MachineFiles } from './qemu-words.ts';
import { makeRootDisk, makeSwapDisk } from './root-disk.ts';
import { serveReach, type ReachServer } from './supervisor-socket.ts';

/** Milliseconds for what the image still has to say when its first process has ended. */
const patienceForOutput = 3000;
/** Milliseconds to read the kernel's tables of sockets. */
const patienceForTables = 20_000;
/** Milliseconds for the agent to kill the first process; then the whole machine is ended. */
const patienceForKill = 5000;

export class MachineInstance implements Instance {
  readonly id: string;
  readonly init: boolean;
  readonly startedAt: number;
  readonly clockAhead: number;
  readonly kernel: string;
  readonly notifications;
  readonly network: InstanceNetwork;
  readonly dial: Dial;
  readonly stopSignal: string;
  readonly ended: Promise<Ended>;
  readonly #options: InstanceOptions;
  readonly #guest: Guest;
  readonly #qemu: Qemu;
  readonly #env: string[];
  readonly #server: ReachServer;
  readonly #ownNetwork: OwnNetwork['network'];
  #end: Ended | undefined;

  private constructor(
    options: InstanceOptions,
    { qemu, guest, env, server, outputs }: Running,
    { network, membership }: OwnNetwork,
  ) {
    this.id = options.id;
    this.init = options.init;
    this.stopSignal = stopSignalOf(options.image, options.init);
    this.#options = options;
    this.#guest = guest;
    this.#qemu = qemu;
    this.#env = env;
    this.#server = server;
    this.startedAt = guest.startedAt;
    this.clockAhead = guest.clockAhead;
    this.kernel = guest.kernel;
    this.notifications = guest.notifications;
    this.dial = (address, port, timeout) => ChannelSocket.connect(guest.link, address, port, timeout);
    // A machine has a kernel of its own.
    const tables = async () => {
      const text = await readGuestTables(guest.link, patienceForTables);
      return text === undefined ? undefined : splitTables(text);
    };
    this.network = InstanceNetwork.inMachine(this.dial, tables, {
      bandwidth: options.limits.bandwidth,
      membership,
    });
    this.#ownNetwork = network;
    this.ended = guest.ended.then(async (exitCode) => {
      await Promise.race([outputs, sleep(patienceForOutput, undefined, { ref: false })]);
      qemu.kill();
      await qemu.ended;
      return (this.#end = { exitCode, group: guest.state.group });
    });
  }

  /** Throws StartError, MACHINE_FAILED, HOST_MISSING; then nothing is left. */
  static async start(options: InstanceOptions): Promise<MachineInstance> {
    let own: OwnNetwork | undefined;
    try {
      own = await joinOwnNetwork(options);
      const { membership } = own;
      return new MachineInstance(options, await startMachine({ ...options, membership }), own);
    } catch (error) {
      await own?.network?.close();
      await removeTraces(options);
      throw error;
    }
  }

  get hasEnded(): Ended | undefined {
    return this.#end;
  }

  exec(args: readonly string[], options: ExecOptions) {
    return execInGuest(this.#guest.link, args, this.#env, options);
  }

  async group(): Promise<GroupState> {
    return this.#end ? this.#end.group : (await this.#guest.look()).group;
  }

  readonly space = async () => this.#guest.state.space;

  async stop(timeout: number): Promise<boolean> {
    this.#guest.signal(numberOfSignal(this.stopSignal) ?? 15);
    const inTime = await this.#endsWithin(timeout);
    if (!inTime) await this.kill();
    return inTime;
  }

  async kill(): Promise<void> {
    this.#guest.signal(9);
    if (!(await this.#endsWithin(patienceForKill))) this.#qemu.kill();
    await this.ended;
  }

  async remove(): Promise<void> {
    await this.network.close();
    await this.#server.close();
    this.#qemu.kill();
    await this.ended;
    await this.#ownNetwork?.close();
    await removeTraces(this.#options);
  }

  async #endsWithin(milliseconds: number): Promise<boolean> {
    const late = new AbortController();
    const ended = this.ended.then(() => true);
    const inTime = await Promise.race([ended, sleep(milliseconds, false, { signal: late.signal })]);
    late.abort();
    return inTime;
  }
}

interface Running {
  qemu: Qemu;
  guest: Guest;
  env: string[];
  server: ReachServer;
  /** Resolves when the output of the first process has ended. */
  outputs: Promise<unknown>;
}

const nothing = { files: [], volumes: [] };

const placeIn = (directory: string) => join(directory, 'machine');

async function removeTraces({ id, directory }: InstanceOptions): Promise<void> {
  await removeGroups(id);
  await rm(placeIn(directory), { recursive: true, force: true });
}

async function startMachine(options: InstanceOptions): Promise<Running> {
  const { cpus, cpuWeight } = options.limits;
  await checkControllers({ cpus, cpuWeight });
  const settings = await settingsFor(options);
  const files = await makeFiles(options);
  const qemu = await withCard(options.membership, (card) =>
    startQemu(options.id, files, options.limits, card),
  );
  try {
    const guest = new Guest(qemu, options.limits);
    const outputs = [guest.output.output, guest.output.errors].map((stream) => follow(stream, options));
    await guest.start(settings.payload);
    const server = await serveReach(options.id, guest.link, settings.env);
    return { qemu, guest, env: settings.env, server, outputs: Promise.all(outputs) };
  } catch (error) {
    qemu.kill();
    await qemu.ended;
    throw error;
  }
}

/** Afterwards QEMU alone has the tap device. */
async function withCard<T>(
  membership: Membership | undefined,
  fn: (card: Card | undefined) => Promise<T>,
): Promise<T> {
  if (!membership) return fn(undefined);
  const fd = await membership.openTap();
  try {
    return await fn({ fd, hardware: membership.hardware });
  } finally {
    closeSync(fd);
  }
}

async function settingsFor(options: InstanceOptions): Promise<GuestSettings> {
  const { image, rootfs, hostname, membership } = options;
  if (argumentsOf(image).length === 0) throw new StartError('the image names neither entrypoint nor command');
  const user = await findUser(rootfs, image.user).catch((error: Error) => {
    throw new StartError(error.message);
  });
  if (!user) throw new StartError(`the image has no user ${image.user}`);
  const handed = await handedSettings(rootfs, options.handed ?? nothing);
  return guestSettings({ ...options, user, handed, contents: networkFiles(hostname, membership) });
}

async function makeFiles(options: InstanceOptions): Promise<MachineFiles> {
  const { directory, rootfs, limits, membership, handed = nothing } = options;
  const place = placeIn(directory);
  await mkdir(place, { recursive: true, mode: 0o700 });
  const files = {
    directory: place,
    kernel: join(place, 'kernel'),
    initramfs: join(place, 'initramfs'),
    disks: [{ file: join(place, 'disk'), serial: 'root' }, ...volumeDisks(handed)],
  };
  const kernel = await findKernel(rootfs);
  const modules = await neededModules(kernel, membership !== undefined);
  await writeFile(files.kernel, kernel.image);
  await writeFile(files.initramfs, await makeInitramfs(modules));
  await makeRootDisk(join(place, 'disk'), rootfs, limits.disk);
  if (limits.swap === undefined || limits.swap === 0) return files;
  const swap = { file: join(place, 'swap'), serial: 'swap' };
  await makeSwapDisk(swap.file, limits.swap);
  return { ...files, disks: [...files.disks, swap] };
}

function follow(stream: Readable, { onLine, onOutput }: InstanceOptions): Promise<void> {
  const splitter = new LineSplitter(onLine);
  stream.on('data', (chunk: Buffer) => {
    splitter.push(chunk);
    onOutput?.(chunk.length);
  });
  return finished(stream).then(() => splitter.end());
}
