/** The way into an instance's private network, through an agent process that lives there. */
import { readlink } from 'node:fs/promises';
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { MillinerError } from '../errors.ts';
import { startWithChannel } from '../host/exec.ts';
import type { AgentAnswer, AgentRequest } from './agent.ts';

type Channel = ReturnType<typeof startWithChannel>;

const agentPath = fileURLToPath(new URL(`./agent${import.meta.url.slice(-3)}`, import.meta.url));

type Asked = AgentRequest extends infer Each ? (Each extends unknown ? Omit<Each, 'id'> : never) : never;

export class InstanceNetwork {
  readonly #child: Channel;
  readonly #ended: Promise<void>;
  readonly #waiting = new Map<number, (problem: string | undefined) => void>();
  #stderr = '';
  #next = 1;

  private constructor(child: Channel) {
    this.#child = child;
    child.stderr?.setEncoding('utf8').on('data', (text: string) => (this.#stderr += text));
    child.on('message', ({ id, problem }: AgentAnswer) => this.#answered(id, problem));
    // A message to one that has just ended.
    child.on('error', () => {});
    this.#ended = new Promise((done) => {
      child.once('close', () => {
        for (const id of this.#waiting.keys()) this.#answered(id, 'the instance has ended');
        done();
      });
    });
  }

  /** Enters the network namespace of a process of the instance; bandwidth in bits a second. */
  static async enter(pid: number, bandwidth: number | undefined): Promise<InstanceNetwork> {
    const outside = await readlink('/proc/self/ns/net');
    const child = startWithChannel('nsenter', [
      `--net=/proc/${pid}/ns/net`,
      process.execPath,
      agentPath,
      outside,
      ...(bandwidth === undefined ? [] : [String(bandwidth)]),
    ]);
    const network = new InstanceNetwork(child);
    const problem = await new Promise<string | undefined>((done) => network.#waiting.set(0, done));
    if (problem === undefined) return network;
    throw new MillinerError(
      'COMMAND_FAILED',
      `nsenter cannot enter the network of process ${pid}: ${network.#stderr.trim()}`,
    );
  }

  #answered(id: number, problem: string | undefined): void {
    this.#waiting.get(id)?.(problem);
    this.#waiting.delete(id);
  }

  /** Whether a port of the instance takes connections; otherwise why not. */
  tcp(port: number, timeout: number): Promise<string | undefined> {
    return this.#ask({ kind: 'tcp', port, timeout });
  }

  /** Whether a URL of the instance answers with this status; otherwise why not. */
  http(url: string, status: number, timeout: number): Promise<string | undefined> {
    return this.#ask({ kind: 'http', url, status, timeout });
  }

  /** Hands a connection from outside on to a port of the instance. */
  carry(port: number, socket: Socket): void {
    void this.#ask({ kind: 'carry', port }, socket);
  }

  #ask(request: Asked, socket?: Socket): Promise<string | undefined> {
    const id = this.#next++;
    return new Promise((done) => {
      this.#waiting.set(id, done);
      if (this.#child.connected) this.#child.send({ id, ...request }, socket);
      else this.#answered(id, 'the instance has ended');
    });
  }

  async close(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#ended;
  }
}
