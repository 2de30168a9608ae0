/** Tiny images that were built and booted, a key, and a registry: what the tests of publishing begin with. */
import { start } from '../../src/lib/host/exec.ts';
import { RegistryClient } from '../../src/lib/registry/client.ts';
import { inOneProcess } from './command-client.ts';
import { cli, Desk, type BuildAnswer, type Ended } from './milliner.ts';
import { RegistryServer, type ServerOptions } from './registry/registry-server.ts';
import { plainEndpoint } from './registry/plain-endpoint.ts';

export const password = 'the password of the tests';

/** What `publish --json` answers. */
export interface PublishAnswer {
  name: string;
  manifestDigest: string;
  references: string[];
  signatures: string[];
  attestations: string[];
  seconds: number;
  uploadedBytes: number;
  mountedBlobs: number;
  skippedBlobs: number;
}

/** Its instance runs to its end at once. */
export const runsToItsEnd = {
  config: { cmd: ['/usr/bin/true'] },
  test: { init: false, ready: { exit: 0 }, settle: '0s' },
};

export class Bench {
  readonly desk: Desk;
  readonly server: RegistryServer;
  /** Paths of the key pair. */
  readonly key: string;
  readonly publicKey: string;

  private constructor(desk: Desk, server: RegistryServer) {
    this.desk = desk;
    this.server = server;
    this.key = desk.path('release.key');
    this.publicKey = desk.path('release.pub');
  }

  static async open(options: ServerOptions = {}): Promise<Bench> {
    const bench = new Bench(await Desk.open(), await RegistryServer.start(options));
    await bench.makeKey('release');
    return bench;
  }

  async makeKey(prefix: string): Promise<void> {
    await this.run(['key', 'generate', '--out', this.desk.path(prefix)]);
  }

  async close(): Promise<void> {
    await this.server.close();
    await this.desk.remove();
  }

  /** A child process with the key's password; to be stopped, or waited for. */
  start(args: string[], env: Record<string, string> = {}) {
    return start(process.execPath, [cli, ...args], { cwd: this.desk.directory, env: this.#env(env) });
  }

  /** The same to its end, where it does not matter in which process. */
  async ended(args: string[], env: Record<string, string> = {}): Promise<Ended> {
    const order = { args, cwd: this.desk.directory, env: this.#env(env) };
    const outcome = await inOneProcess(order);
    if (outcome) return { ...outcome, signal: undefined };
    const { exitCode, signal, stdout, stderr } = await this.start(args, env);
    return { code: exitCode, signal, stdout, stderr };
  }

  #env(env: Record<string, string>): Record<string, string> {
    return { MILLINER_STATE: this.desk.state, MILLINER_KEY_PASSWORD: password, ...env };
  }

  /** A run that must end well: its answer. */
  async run<T>(args: string[]): Promise<T> {
    const { code, stdout, stderr } = await this.ended([...args, '--json']);
    if (code !== 0) throw new Error(`milliner ${args.join(' ')}: ${stderr}${stdout}`);
    return JSON.parse(stdout) as T;
  }

  /** A run that must fail: its error's code and its exit code. */
  async fails(args: string[]): Promise<{ code: string; exit: number | undefined }> {
    const { code, stdout, stderr } = await this.ended([...args, '--json']);
    if (code === 0) throw new Error(`milliner ${args.join(' ')} ended well: ${stdout}${stderr}`);
    const { error } = JSON.parse(stdout) as { error: { code: string } };
    return { code: error.code, exit: code };
  }

  /** Builds and boots. */
  async booted(name: string, packages: string[], fields: Record<string, unknown> = {}): Promise<BuildAnswer> {
    const built = await this.desk.build(await this.desk.tiny(name, packages, { ...runsToItsEnd, ...fields }));
    await this.run(['boot', name]);
    return built;
  }

  publish(image: string, ...to: string[]): Promise<PublishAnswer> {
    return this.run(this.publishing(image, ...to));
  }

  publishing(image: string, ...to: string[]): string[] {
    return ['publish', image, '--key', this.key, ...to.flatMap((reference) => ['--to', reference])];
  }

  client(host = this.server.host): RegistryClient {
    return new RegistryClient({ registry: host, endpoint: plainEndpoint(host) });
  }

  /** Of images and what is attached to them; the histories of tags have tests of their own. */
  async tags(repository: string): Promise<string[]> {
    const answer = await fetch(`${this.server.url}/v2/${repository}/tags/list`);
    const { tags } = (await answer.json()) as { tags?: string[] | null };
    return (tags ?? []).filter((tag) => !tag.includes('.history')).toSorted();
  }
}
