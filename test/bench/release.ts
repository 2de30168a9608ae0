/**
 * A release of recipes of which nothing has changed, by a worker that runs already, beside what skopeo takes to push the
 * same images to where they are; and the push of a large image.
 */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { cache, checkout } from '../helpers/demo-recipes.ts';
import { RegistryServer } from '../helpers/registry/registry-server.ts';
import type { Bench } from './case.ts';
import { ProcessorGroup } from './processor-group.ts';
import { pushCases } from './push.ts';
import { busySeconds, script, usageOf, type Usage } from './usage.ts';

const recipes = ['base', 'product', 'other'];
const cli = [process.execPath, join(checkout, 'dist/cli.js')];

export async function releaseCases(): Promise<Bench> {
  const push = await pushCases();
  const scene = await ReleaseScene.open();
  return {
    cases: [
      {
        bench: 'release',
        case: `release of ${recipes.length} recipes, nothing changed, beside the pushes of skopeo copy`,
        unit: 's',
        target: { atMost: 2 },
        aim: { atMost: 1 },
        processor: { target: { atMost: 2 }, aim: { atMost: 1 } },
        runs: 7,
        seconds: { ours: 2, peer: 1 },
        ours: () => scene.released(),
        peer: () => scene.copied(),
      },
      ...push.cases,
    ],
    close: async () => {
      await scene.close();
      await push.close();
    },
  };
}

class ReleaseScene {
  readonly #place: string;
  readonly #server: RegistryServer;
  readonly #group: ProcessorGroup;
  #worker: ReturnType<typeof spawn> | undefined;

  private constructor(place: string, server: RegistryServer, group: ProcessorGroup) {
    this.#place = place;
    this.#server = server;
    this.#group = group;
  }

  static async open(): Promise<ReleaseScene> {
    const place = await mkdtemp(join(cache, 'bench-release-'));
    const server = await RegistryServer.start({ directory: join(place, 'registry') });
    const scene = new ReleaseScene(place, server, await ProcessorGroup.make());
    await scene.#prepare();
    return scene;
  }

  /** The first release builds, boots, signs and publishes. */
  async #prepare(): Promise<void> {
    const baseurl = join(cache, 'repository/packages');
    const keys = [join(cache, 'repository/keys/RPM-GPG-KEY-milliner-demo')];
    const common = { repos: [{ name: 'demo', baseurl, keys }], config: { cmd: ['/usr/bin/true'] } };
    const test = { init: false, ready: { exit: 0 }, settle: '0s' };
    const contents = [
      { packages: ['systemd', 'perl'] },
      { from: 'base', packages: ['nginx'] },
      { packages: ['bash'] },
    ];
    for (const [index, name] of recipes.entries())
      writeFileSync(this.#recipe(name), JSON.stringify({ name, ...common, test, ...contents[index] }));
    this.#milliner('key', 'generate', '--out', join(this.#place, 'release'));
    for (const name of recipes) this.#milliner('lock', this.#recipe(name));
    const [program, ...options] = this.#group.within([...cli, 'worker', '--key', this.#key]);
    this.#worker = spawn(program!, options, { stdio: 'ignore', env: this.#env });
    await this.released();
    for (const name of recipes) this.#milliner('build', this.#recipe(name), '--output', this.#layout(name));
  }

  #recipe = (name: string): string => join(this.#place, `${name}.yaml`);
  #layout = (name: string): string => join(this.#place, `${name}-layout`);

  get #key(): string {
    return join(this.#place, 'release.key');
  }

  get #env(): NodeJS.ProcessEnv {
    const own = { MILLINER_STATE: join(this.#place, 'state'), MILLINER_KEY_PASSWORD: 'of a bench' };
    return { ...process.env, ...own };
  }

  #milliner(...options: string[]): void {
    const [program, ...before] = cli;
    execFileSync(program!, [...before, ...options], { stdio: 'pipe', env: this.#env });
  }

  /** The worker and the command that waits for it are in one group. */
  async released(): Promise<Usage> {
    const to = ['--to', `${this.#server.host}/{{name}}:1`, '--key', this.#key];
    const paths = recipes.map((name) => this.#recipe(name));
    const [program, ...options] = this.#group.within([...cli, 'release', ...paths, ...to]);
    const before = { processor: this.#group.seconds(), machine: busySeconds(), wall: performance.now() };
    const [code] = (await once(spawn(program!, options, { stdio: 'ignore', env: this.#env }), 'close')) as [
      number,
    ];
    if (code !== 0) throw new Error(`release ended with ${code}`);
    return {
      wall: (performance.now() - before.wall) / 1000,
      processor: this.#group.seconds() - before.processor,
      machine: busySeconds() - before.machine,
    };
  }

  copied(): Promise<Usage> {
    const copy =
      'for name in "${@:2}"; do skopeo copy -q --dest-tls-verify=false "oci:$name-layout" "docker://$1/${name##*/}:1"; done';
    const places = recipes.map((name) => join(this.#place, name));
    return usageOf(script(copy, this.#server.host, ...places));
  }

  async close(): Promise<void> {
    const worker = this.#worker;
    if (worker && worker.exitCode === null) {
      worker.kill('SIGTERM');
      await once(worker, 'close');
    }
    await this.#group.remove();
    await this.#server.close();
    await rm(this.#place, { recursive: true, force: true });
  }
}
