/** Debian 13's podman with a storage of its own, under the policy that was written for it: pulls images and runs them. */
import { mkdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Shelf } from '../../helpers/signed-images.ts';
import { podman as start } from '../../helpers/trixie.ts';

export class PodmanHost {
  readonly #home: string;
  readonly #flags: string[];

  private constructor(home: string, place: string) {
    this.#home = home;
    this.#flags = [
      `--root=${place}/root`,
      `--runroot=${place}/run`,
      `--tmpdir=${place}/tmp`,
      '--storage-driver=vfs',
      '--cgroup-manager=cgroupfs',
      '--events-backend=file',
      // crun declines hosts whose control groups are of both versions.
      '--runtime=runc',
    ];
  }

  static async open(shelf: Shelf): Promise<PodmanHost> {
    const place = shelf.path('podman');
    await mkdir(place);
    return new PodmanHost(shelf.path('home-release'), place);
  }

  async close(): Promise<void> {
    await this.podman('rm', '--all', '--force', '--time', '0', '--volumes');
  }

  async pull(reference: string): Promise<void> {
    await this.podman('pull', '--quiet', '--tls-verify=false', reference);
  }

  /** Where the image's tree lies: with this driver every layer is a directory of its own. */
  async tree(reference: string): Promise<string> {
    await this.pull(reference);
    const tree = await this.podman('image', 'mount', reference);
    await this.podman('image', 'unmount', reference);
    return tree;
  }

  /** In the background, with systemd in it. Without a network: its ports are nobody else's. */
  async run(name: string, reference: string): Promise<void> {
    const flags = ['--detach', `--name=${name}`, '--systemd=always', '--tls-verify=false', '--network=none'];
    // What podman would raise the limits to is more than some hosts allow.
    const limits = ['--ulimit=nofile=1024:1024', '--ulimit=nproc=1024:1024'];
    await this.podman('run', ...flags, ...limits, reference);
  }

  /** What systemd says of it in the end: active, or how it failed. */
  async settled(name: string, unit: string): Promise<string> {
    for (;;) {
      const state = await this.#state(name, unit);
      // Nothing at all: systemd itself is not there yet.
      if (!['', 'inactive', 'activating', 'unknown'].includes(state)) return state;
      await sleep(100);
    }
  }

  async #state(name: string, unit: string): Promise<string> {
    const args = [...this.#flags, 'exec', name, 'systemctl', 'is-active', unit];
    const { stdout } = await start(args, { env: { HOME: this.#home }, allow: [0, 1, 3, 4] });
    return stdout.trim();
  }

  /** Its exit code, once it was asked to stop. */
  async stop(name: string): Promise<string> {
    await this.podman('stop', name);
    return this.podman('inspect', '--format', '{{.State.ExitCode}}', name);
  }

  /** What it says. */
  async podman(...args: string[]): Promise<string> {
    const { stdout } = await start([...this.#flags, ...args], { env: { HOME: this.#home } });
    return stdout.trim();
  }
}
