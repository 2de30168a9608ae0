/** An instance in a container, from start to removal. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { readGroup, removeGroups, type GroupState } from '../../lib/container/cgroups.ts';
import { makeRunDirectory, removeRunDirectory } from '../../lib/container/run-directory.ts';
import type { ExecOptions } from '../../lib/container/followed-program.ts';
import type { Isolator } from '../../lib/container/isolator.ts';
import type { OciConfig } from '../../lib/container/oci-config.ts';
import type { Container } from '../../lib/container/runtime.ts';
import { lstatIfThere } from '../../lib/host/files.ts';
import { LineSplitter } from '../../lib/host/lines.ts';
import { mount, unmountAllBelow } from '../../lib/host/mounts.ts';
import { cgroupMount, groupOf } from './cgroup-view.ts';
import { monotonic } from './clock.ts';
import { argumentsOf, instanceConfig } from './config.ts';
import { mountHanded } from './handed-files.ts';
import { StartError, stopSignalOf, type Ended, type Instance, type InstanceOptions } from './instance.ts';
import { checkControllers, checkLimits } from './limits.ts';
import { InstanceNetwork } from './network.ts';
import type { OwnNetwork } from './membership.ts';
import { joinOwnNetwork, networkFiles } from './own-network.ts';
import { Notifications } from './notify.ts';
import { findUser } from './user.ts';

export class ContainerInstance implements Instance {
  readonly id: string;
  readonly init: boolean;
  /** Milliseconds of the monotonic clock. */
  readonly startedAt: number;
  readonly clockAhead = 0;
  readonly notifications: Notifications;
  /** Absent if it ended at once. */
  readonly network: InstanceNetwork | undefined;
  readonly #isolator: Isolator;
  readonly #container: Container;
  readonly #ownNetwork: OwnNetwork['network'];
  /** The signal that asks it to stop. */
  readonly stopSignal: string;
  #end: Ended | undefined;
  /** Resolves when the first process has ended, in any way. */
  readonly ended: Promise<Ended>;

  private constructor(isolator: Isolator, options: InstanceOptions, started: Started) {
    this.#isolator = isolator;
    this.id = options.id;
    this.init = options.init;
    this.#container = options;
    this.#ownNetwork = started.ownNetwork;
    this.stopSignal = stopSignalOf(options.image, options.init);
    this.startedAt = started.startedAt;
    this.notifications = started.notifications;
    this.network = started.network;
    this.ended = started.ended.then((end) => (this.#end = end));
  }

  /** Throws StartError, or HOST_MISSING if the host cannot enforce its limits; then nothing is left. */
  static async start(options: InstanceOptions, isolator: Isolator): Promise<ContainerInstance> {
    const files = await makeFiles(options.directory);
    const notifications = await Notifications.open(files);
    let ownNetwork: OwnNetwork['network'];
    try {
      const { network, membership } = await joinOwnNetwork(options);
      ownNetwork = network;
      const linked = { ...options, membership };
      await writeHostFiles(files, linked);
      const started = await startProgram(isolator, linked, files);
      return new ContainerInstance(isolator, options, { ...started, notifications, ownNetwork });
    } catch (error) {
      await notifications.close();
      await isolator.remove(options);
      await removeGroups(options.id);
      await removeRunDirectory(options.id);
      await ownNetwork?.close();
      await unmountAllBelow(files, { detach: true });
      throw error;
    }
  }

  get hasEnded(): Ended | undefined {
    return this.#end;
  }

  /** Throws INTERRUPTED; exit code 255 if the program cannot be started. */
  exec(args: readonly string[], options: ExecOptions) {
    return this.#isolator.exec(this.#container, args, options);
  }

  group(): Promise<GroupState> {
    return this.#end ? Promise.resolve(this.#end.group) : readGroup(groupOf(this.id));
  }

  /** Sends the image's stop signal; false if it had to be killed after `timeout` milliseconds. */
  async stop(timeout: number): Promise<boolean> {
    await this.#isolator.signal(this.#container, this.stopSignal);
    const late = new AbortController();
    const inTime = await Promise.race([
      this.ended.then(() => true),
      sleep(timeout, false, { signal: late.signal }),
    ]);
    late.abort();
    if (!inTime) await this.kill();
    return inTime;
  }

  async kill(): Promise<void> {
    while (!this.#end) {
      await this.#isolator.signal(this.#container, 'KILL');
      await Promise.race([this.ended, sleep(100)]);
    }
  }

  /** Removes all processes, control groups and sockets. The tree belongs to the caller. */
  async remove(): Promise<void> {
    await this.network?.close();
    await this.#isolator.remove(this.#container);
    await this.ended;
    await removeGroups(this.id);
    await removeRunDirectory(this.id);
    await this.#ownNetwork?.close();
    await this.notifications.close();
    await unmountAllBelow(filesIn(this.#container.directory), { detach: true });
    await rm(join(this.#container.directory, this.id), { recursive: true, force: true });
  }
}

interface Started {
  startedAt: number;
  ended: Promise<Ended>;
  notifications: Notifications;
  network: InstanceNetwork | undefined;
  ownNetwork: OwnNetwork['network'];
}

const filesIn = (directory: string) => join(directory, 'files');

/**
 * The instance may write to these files, as with podman. A small tmpfs keeps them off the disk and bounds their memory.
 */
const filesOptions = ['size=64k', 'nr_inodes=16', 'mode=755'];

async function makeFiles(directory: string): Promise<string> {
  const files = filesIn(directory);
  await mkdir(files, { recursive: true, mode: 0o755 });
  await mount({ type: 'tmpfs', source: 'files', readonly: false, options: filesOptions }, files);
  return files;
}

async function writeHostFiles(files: string, { hostname, membership }: InstanceOptions): Promise<void> {
  for (const [name, text] of Object.entries(networkFiles(hostname, membership)))
    await writeFile(join(files, name), text, { mode: 0o644 });
}

async function startProgram(
  isolator: Isolator,
  options: InstanceOptions,
  files: string,
): Promise<Pick<Started, 'startedAt' | 'ended' | 'network'>> {
  const { id, ids, image, init, membership } = options;
  await checkControllers(options.limits, options.devices);
  await checkMountPoints(options.rootfs, isolator.mountPoints);
  if (argumentsOf(image).length === 0) throw new StartError('the image names neither entrypoint nor command');
  const user = await findUser(options.rootfs, image.user).catch((error: Error) => {
    throw new StartError(error.message);
  });
  if (!user) throw new StartError(`the image has no user ${image.user}`);
  const cgroup = init ? await cgroupMount(id, options.systemd, ids) : undefined;
  const { handed } = options;
  const mounts = handed ? await mountHanded(options.directory, handed, options) : [];
  const rootfs = await rootIn(options);
  const space = isolator.joinsSpaces ? await membership?.makeSpace() : undefined;
  const config = await instanceConfig({ ...options, rootfs, user, files, cgroup, hostMounts: mounts, space });
  if (hasNul(config)) throw new StartError('an argument or a variable of the image has a NUL byte');
  const first = await isolator.start(options, config, membership?.linkTo);
  const startedAt = monotonic();
  follow(first.stdout, options);
  follow(first.stderr, options);
  let over = false;
  const ended = first.ended.then(async (exitCode) => {
    over = true;
    return { exitCode, group: await readGroup(groupOf(id)) };
  });
  const network = await enterOnceRunning(isolator, options, () => over);
  if (over) {
    await ended;
    const reason = await isolator.startFailure(options);
    if (reason !== undefined) throw new StartError(reason);
  }
  return { startedAt, ended, network };
}

/** A path to the tree that its own root can enter. */
async function rootIn({ id, ids, rootfs }: InstanceOptions): Promise<string> {
  if (!ids) return rootfs;
  const place = join(await makeRunDirectory(id, ids), 'rootfs');
  await mkdir(place);
  await mount({ type: 'bind', source: rootfs, readonly: false }, place);
  return place;
}

/** The kernel has no place for one: it would cut the word short. */
function hasNul({ process: { args, env, cwd } }: OciConfig): boolean {
  return [...args, ...env, cwd].some((word) => word.includes('\0'));
}

/** runc fills /dev before it changes its root, so a link there would lead to the host. */
async function checkMountPoints(rootfs: string, names: readonly string[]): Promise<void> {
  for (const name of names) {
    const found = await lstatIfThere(join(rootfs, name));
    if (found && !found.isDirectory()) throw new StartError(`/${name} of the image is not a directory`);
  }
}

/** Undefined if it ended before its network could be entered. */
async function enterOnceRunning(
  isolator: Isolator,
  options: InstanceOptions,
  isOver: () => boolean,
): Promise<InstanceNetwork | undefined> {
  const { id, limits, membership, devices } = options;
  for (let failures = 0; !isOver(); await sleep(pollMilliseconds)) {
    const pid = await isolator.pid(options);
    if (pid === undefined) continue;
    try {
      await checkLimits(id, limits, devices);
      return await InstanceNetwork.enter(pid, { bandwidth: limits.bandwidth, membership });
    } catch (error) {
      // A failure may only mean that it is about to end.
      if (++failures === maxFailures) throw error;
    }
  }
  return undefined;
}

function follow(stream: Readable, { onLine, onOutput }: Pick<InstanceOptions, 'onLine' | 'onOutput'>): void {
  const splitter = new LineSplitter(onLine);
  stream.on('data', (chunk: Buffer) => {
    splitter.push(chunk);
    onOutput?.(chunk.length);
  });
  stream.on('end', () => splitter.end());
}

const pollMilliseconds = 10;
const maxFailures = 50;
