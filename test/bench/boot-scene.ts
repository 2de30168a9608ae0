/** Two images of a web server, in a state of ours and in podman's storage, and how each side starts and ends them. */
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { cache, checkout } from '../helpers/demo-recipes.ts';

/** One way to run instances: the command starts them all, and each gives a place where it answers. */
export interface Side {
  start: (image: string, instances: number) => Promise<string[]>;
  stop: () => void;
}

const cli = [process.execPath, join(checkout, 'dist/cli.js')];
const image = { nginx: ['/usr/sbin/nginx', '-g', 'daemon off;'], systemd: ['/sbin/init'] };
const test = {
  init: false,
  ready: { timeout: '120s' },
  settle: '0s',
  limits: { memory: '512M', pids: 512, disk: '256M' },
};

export class BootScene {
  readonly #place: string;
  readonly podman: Side = {
    start: (name, count) => this.#podmanRun(name, count),
    stop: () => this.#podman('rm', '--all', '--force', '--time', '0'),
  };
  readonly milliner: Side = {
    start: (name, count) => this.#run(name, count),
    stop: () => this.#milliner('stop', '--all'),
  };
  readonly machine: Side = {
    start: (name, count) => this.#run(name, count, ['--backend', 'machine']),
    stop: () => this.#milliner('stop', '--all'),
  };

  private constructor(place: string) {
    this.#place = place;
  }

  static async open(place: string): Promise<BootScene> {
    const scene = new BootScene(place);
    const storage = [
      'driver = "overlay"',
      `graphroot = "${join(place, 'storage')}"`,
      `runroot = "${join(place, 'run')}"`,
    ];
    writeFileSync(join(place, 'storage.conf'), `[storage]\n${storage.join('\n')}\n`);
    const baseurl = join(cache, 'repository/packages');
    const repos = [
      { name: 'demo', baseurl, keys: [join(cache, 'repository/keys/RPM-GPG-KEY-milliner-demo')] },
    ];
    const ports = { exposedPorts: ['80/tcp'] };
    scene.#build({
      name: 'web',
      repos,
      packages: ['nginx'],
      config: { entrypoint: image.nginx, stopSignal: 'SIGQUIT', ...ports },
      test,
    });
    const ready = { unit: 'nginx.service', timeout: '120s' };
    const services = { enable: ['nginx.service'] };
    const config = { cmd: image.systemd, stopSignal: 'SIGRTMIN+3', ...ports };
    scene.#build({
      name: 'init',
      repos,
      packages: ['nginx', 'systemd', 'dbus'],
      services,
      config,
      test: { ...test, init: true, ready },
    });
    return scene;
  }

  #build(recipe: { name: string; [key: string]: unknown }): void {
    const file = join(this.#place, `${recipe.name}.yaml`);
    const layout = join(this.#place, `${recipe.name}-layout`);
    writeFileSync(file, JSON.stringify(recipe));
    this.#milliner('lock', file);
    this.#milliner('build', file, '--output', layout);
    this.#environment('skopeo', [
      'copy',
      '-q',
      `oci:${layout}`,
      `containers-storage:localhost/${recipe.name}`,
    ]);
  }

  /** Seconds from the command to the answer of the last one. */
  async answered(side: Side, name: string, instances: number): Promise<number> {
    const begun = performance.now();
    const places = await side.start(name, instances);
    await Promise.all(places.map(answers));
    const seconds = (performance.now() - begun) / 1000;
    side.stop();
    return seconds;
  }

  /** MiB of all processes that are there while the instances run and were not before, divided by their number. */
  async memoryOfEach(side: Side, name: string, instances: number): Promise<number> {
    const before = new Set(processes());
    const places = await side.start(name, instances);
    await Promise.all(places.map(answers));
    const added = processes().filter((pid) => !before.has(pid));
    const bytes = added.reduce((sum, pid) => sum + proportionalSize(pid), 0);
    side.stop();
    return bytes / instances / 1024 ** 2;
  }

  async #run(name: string, instances: number, more: string[] = []): Promise<string[]> {
    const options = [
      'run',
      name,
      '--instances',
      String(instances),
      '--publish',
      '80',
      '--detach',
      '--json',
      ...more,
    ];
    const started = JSON.parse(await this.#output([...cli, ...options])) as {
      instances: { ports: { hostPort: number }[] }[];
    };
    return started.instances.map(({ ports }) => `127.0.0.1:${ports[0]!.hostPort}`);
  }

  /** Without CAP_SYS_RESOURCE podman's own limits cannot be set; for twenty, podman run is called twenty times at once. */
  async #podmanRun(name: string, instances: number): Promise<string[]> {
    const limits = [
      '--ulimit',
      'nofile=1024:4096',
      '--ulimit',
      'nproc=4096:4096',
      '--memory',
      '512m',
      '--pids-limit',
      '512',
    ];
    const how = [
      '--runtime',
      'runc',
      '--cgroup-manager',
      'cgroupfs',
      '--systemd',
      name === 'init' ? 'always' : 'false',
    ];
    const one = async () =>
      (await this.#output(['podman', 'run', '--detach', ...how, ...limits, `localhost/${name}`])).trim();
    const ids = await Promise.all(Array.from({ length: instances }, one));
    const format = '{{.NetworkSettings.IPAddress}}:80';
    return (await this.#output(['podman', 'inspect', '--format', format, ...ids])).trim().split('\n');
  }

  async #output([program, ...options]: string[]): Promise<string> {
    const child = spawn(program!, options, { stdio: ['ignore', 'pipe', 'inherit'], env: this.#env });
    let text = '';
    child.stdout.setEncoding('utf8').on('data', (piece: string) => (text += piece));
    const [code] = (await once(child, 'close')) as [number | null];
    if (code !== 0) throw new Error(`${program} ${options.join(' ')} ended with ${code}`);
    return text;
  }

  #milliner = (...options: string[]): void => this.#environment(cli[0]!, [...cli.slice(1), ...options]);
  #podman = (...options: string[]): void => this.#environment('podman', options);

  #environment(program: string, options: string[]): void {
    execFileSync(program, options, { stdio: 'pipe', env: this.#env });
  }

  get #env(): NodeJS.ProcessEnv {
    const podman = {
      CONTAINERS_STORAGE_CONF: join(this.#place, 'storage.conf'),
      PODMAN_IGNORE_CGROUPSV1_WARNING: '1',
    };
    return { ...process.env, ...podman, MILLINER_STATE: join(this.#place, 'state'), MILLINER_TCG: '1' };
  }

  async close(): Promise<void> {
    this.milliner.stop();
    this.podman.stop();
  }
}

/** Resolves once a web server answers with anything. */
async function answers(place: string): Promise<void> {
  const [host, port] = place.split(':');
  while (!(await answersOnce(host!, Number(port)))) await sleep(5);
}

function answersOnce(host: string, port: number): Promise<boolean> {
  return new Promise((done) => {
    const socket = connect({ host, port }, () => socket.write('HEAD / HTTP/1.0\r\n\r\n'));
    socket.once('data', () => done(true));
    socket.once('close', () => done(false));
    socket.once('error', () => done(false));
    socket.setTimeout(2000, () => socket.destroy());
  });
}

const processes = (): string[] => readdirSync('/proc').filter((name) => /^\d+$/.test(name));

/** Bytes of its pages, shared ones by their share (proc_pid_smaps(5), Pss); 0 where it has ended. */
function proportionalSize(pid: string): number {
  try {
    return Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8'))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}
