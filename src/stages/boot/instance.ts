/** One running instance of an image: a container on a tree of its own, from its start to its removal. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { readGroup, removeGroups, type GroupState } from '../../lib/container/cgroups.ts';
import { makeRunDirectory, removeRunDirectory } from '../../lib/container/run-directory.ts';
import {
  containerPid,
  execInContainer,
  removeContainer,
  signalContainer,
  startContainer,
  startFailure,
  type Container,
  type ExecOptions,
} from '../../lib/container/runtime.ts';
import type { IdRange } from '../../lib/container/userns.ts';
import { lstatIfThere } from '../../lib/host/files.ts';
import { LineSplitter } from '../../lib/host/lines.ts';
import { mount, unmountAllBelow } from '../../lib/host/mounts.ts';
import type { RuntimeConfig } from '../image/image.ts';
import { cgroupMount, groupOf } from './cgroup-view.ts';
import { monotonic } from './clock.ts';
import { argumentsOf, instanceConfig, type Limits } from './config.ts';
import { checkControllers, checkLimits } from './limits.ts';
import { InstanceNetwork } from './network.ts';
import { Notifications } from './notify.ts';
import { findUser } from './user.ts';

export interface InstanceOptions extends Container {
  /** A mounted, writable tree that nothing else uses, its owners moved into the ids where there are any. */
  rootfs: string;
  /** Of its user namespace; without, its root is the host's. */
  ids?: IdRange | undefined;
  image: RuntimeConfig;
  /** systemd is the first process. */
  init: boolean;
  /** The version of the image's systemd, where it is known. */
  systemd?: number | undefined;
  hostname: string;
  limits: Limits;
  /** A line of what it writes, cut to 4096 characters. */
  onLine: (line: string) => void;
  /** Bytes that it has written. */
  onOutput?: (bytes: number) => void;
}

export interface Ended {
  /** Undefined where a signal ended the runtime itself. */
  exitCode: number | undefined;
  /** What the kernel counted until then. */
  group: GroupState;
}

/** The instance's program cannot be started at all; the image's fault. */
export class StartError extends Error {}

export class Instance {
  readonly id: string;
  readonly init: boolean;
  /** Milliseconds of the monotonic clock. */
  readonly startedAt: number;
  readonly notifications: Notifications;
  /** Absent where it ended at once. */
  readonly network: InstanceNetwork | undefined;
  readonly #container: Container;
  /** What it wants to be asked to end with. */
  readonly stopSignal: string;
  #end: Ended | undefined;
  /** Resolves when the first process has ended, however it did. */
  readonly ended: Promise<Ended>;

  private constructor(options: InstanceOptions, started: Started) {
    this.id = options.id;
    this.init = options.init;
    this.#container = options;
    this.stopSignal = stopSignalOf(options.image, options.init);
    this.startedAt = started.startedAt;
    this.notifications = started.notifications;
    this.network = started.network;
    this.ended = started.ended.then((end) => (this.#end = end));
  }

  /** Throws StartError, or HOST_MISSING where the host cannot hold it to its limits; nothing is left then. */
  static async start(options: InstanceOptions): Promise<Instance> {
    const files = await makeFiles(options.directory);
    const notifications = await Notifications.open(files);
    try {
      await writeHostFiles(files, options.hostname);
      return new Instance(options, await startProgram(options, files, notifications));
    } catch (error) {
      await notifications.close();
      await removeContainer(options);
      await removeGroups(options.id);
      await removeRunDirectory(options.id);
      await unmountAllBelow(files, { detach: true });
      throw error;
    }
  }

  get hasEnded(): Ended | undefined {
    return this.#end;
  }

  /** Throws INTERRUPTED; exit code 255 where the program cannot be started. */
  exec(args: readonly string[], options: ExecOptions) {
    return execInContainer(this.#container, args, options);
  }

  group(): Promise<GroupState> {
    return this.#end ? Promise.resolve(this.#end.group) : readGroup(groupOf(this.id));
  }

  /** Asks it to end as the image wants to be asked; false where it had to be killed after `timeout` milliseconds. */
  async stop(timeout: number): Promise<boolean> {
    await signalContainer(this.#container, this.stopSignal);
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
      await signalContainer(this.#container, 'KILL');
      await Promise.race([this.ended, sleep(100)]);
    }
  }

  /** Leaves no process, no control group, no socket. The tree is the caller's. */
  async remove(): Promise<void> {
    await this.network?.close();
    await removeContainer(this.#container);
    await this.ended;
    await removeGroups(this.id);
    await removeRunDirectory(this.id);
    await this.notifications.close();
    await unmountAllBelow(filesIn(this.#container.directory), { detach: true });
    await rm(join(this.#container.directory, this.id), { recursive: true, force: true });
  }
}

/** systemd takes SIGTERM for a wish to start itself anew. */
function stopSignalOf({ stopSignal }: RuntimeConfig, init: boolean): string {
  return stopSignal ?? (init ? 'SIGRTMIN+3' : 'SIGTERM');
}

interface Started {
  startedAt: number;
  ended: Promise<Ended>;
  notifications: Notifications;
  network: InstanceNetwork | undefined;
}

const filesIn = (directory: string) => join(directory, 'files');

/** The instance may write to them, as it may under podman: they take none of the state's disk, and next to no memory. */
const filesOptions = ['size=64k', 'nr_inodes=16', 'mode=755'];

async function makeFiles(directory: string): Promise<string> {
  const files = filesIn(directory);
  await mkdir(files, { recursive: true, mode: 0o755 });
  await mount({ type: 'tmpfs', source: 'files', readonly: false, options: filesOptions }, files);
  return files;
}

async function writeHostFiles(files: string, hostname: string): Promise<void> {
  const hosts = `127.0.0.1 localhost ${hostname}\n::1 localhost ip6-localhost ${hostname}\n`;
  await writeFile(join(files, 'hosts'), hosts, { mode: 0o644 });
  await writeFile(join(files, 'hostname'), `${hostname}\n`, { mode: 0o644 });
  // A private network has no name server.
  await writeFile(join(files, 'resolv.conf'), '', { mode: 0o644 });
}

async function startProgram(
  options: InstanceOptions,
  files: string,
  notifications: Notifications,
): Promise<Started> {
  const { id, ids, image, init } = options;
  await checkControllers(options.limits);
  await checkMountPoints(options.rootfs);
  if (argumentsOf(image).length === 0) throw new StartError('the image names neither entrypoint nor command');
  const user = await findUser(options.rootfs, image.user).catch((error: Error) => {
    throw new StartError(error.message);
  });
  if (!user) throw new StartError(`the image has no user ${image.user}`);
  const cgroup = init ? await cgroupMount(id, options.systemd, ids) : undefined;
  const rootfs = await rootIn(options);
  const config = await instanceConfig({ ...options, rootfs, user, files, cgroup });
  const { child } = await startContainer(options, { config, streaming: true, watched: true });
  const startedAt = monotonic();
  follow(child.stdout, options);
  follow(child.stderr, options);
  let over = false;
  const ended = child.then(async ({ exitCode }) => {
    over = true;
    return { exitCode, group: await readGroup(groupOf(id)) };
  });
  const network = await enterOnceRunning(options, () => over);
  if (over) {
    await ended;
    const reason = await startFailure(options);
    if (reason !== undefined) throw new StartError(reason);
  }
  return { startedAt, ended, notifications, network };
}

/** Where its own root has a way to the tree. */
async function rootIn({ id, ids, rootfs }: InstanceOptions): Promise<string> {
  if (!ids) return rootfs;
  const place = join(await makeRunDirectory(id, ids), 'rootfs');
  await mkdir(place);
  await mount({ type: 'bind', source: rootfs, readonly: false }, place);
  return place;
}

/** runc fills /dev before it has changed its root: through a link it would do so on the host. */
async function checkMountPoints(rootfs: string): Promise<void> {
  for (const name of ['dev', 'proc', 'sys']) {
    const found = await lstatIfThere(join(rootfs, name));
    if (found && !found.isDirectory()) throw new StartError(`/${name} of the image is not a directory`);
  }
}

/** Undefined where it has ended before it could be looked into. */
async function enterOnceRunning(
  options: InstanceOptions,
  isOver: () => boolean,
): Promise<InstanceNetwork | undefined> {
  const { id, limits } = options;
  for (let failures = 0; !isOver(); await sleep(pollMilliseconds)) {
    const pid = await containerPid(options);
    if (pid === undefined) continue;
    try {
      await checkLimits(id, limits);
      return await InstanceNetwork.enter(pid, limits.bandwidth);
    } catch (error) {
      // What is wrong may be no more than that it is about to end.
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

const pollMilliseconds = 20;
const maxFailures = 25;
