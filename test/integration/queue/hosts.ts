/** Hosts of a test's own: network namespaces that reach each other, and the machine, through one bridge. */
import { run } from '../../../src/lib/host/exec.ts';

export class Hosts {
  /** Of the machine on the bridge. */
  readonly address: string;
  readonly #name: string;
  readonly #network: string;
  readonly #hosts: string[] = [];

  private constructor(name: string, network: string) {
    this.#name = name;
    this.#network = network;
    this.address = `${network}.1`;
  }

  static async open(): Promise<Hosts> {
    const name = `mq${process.pid % 1e8}`;
    const hosts = new Hosts(name, `10.213.${process.pid % 250}`);
    await run('ip', ['link', 'add', name, 'type', 'bridge']);
    await run('ip', ['address', 'add', `${hosts.address}/24`, 'dev', name]);
    await run('ip', ['link', 'set', name, 'up']);
    return hosts;
  }

  /** Gives what to put in front of a program to run it there. */
  async add(): Promise<string[]> {
    const number = this.#hosts.length + 2;
    const host = `${this.#name}-${number}`;
    const [outside, inside] = [`${this.#name}o${number}`, `${this.#name}i${number}`];
    await run('ip', ['netns', 'add', host]);
    this.#hosts.push(host);
    await run('ip', ['link', 'add', outside, 'type', 'veth', 'peer', 'name', inside, 'netns', host]);
    await run('ip', ['link', 'set', outside, 'master', this.#name, 'up']);
    const within = ['netns', 'exec', host, 'ip'];
    await run('ip', [...within, 'address', 'add', `${this.#network}.${number}/24`, 'dev', inside]);
    await run('ip', [...within, 'link', 'set', inside, 'up']);
    await run('ip', [...within, 'link', 'set', 'lo', 'up']);
    // Not ip netns exec: it mounts a new /sys, without the control groups.
    return ['nsenter', `--net=/run/netns/${host}`];
  }

  async close(): Promise<void> {
    for (const host of this.#hosts) await run('ip', ['netns', 'delete', host]);
    await run('ip', ['link', 'delete', this.#name]);
  }
}
