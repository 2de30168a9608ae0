/** Releases, workers and their Redis, as the tests of the queue start, watch and kill them. */
import { mkdir, readdir, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { start } from '../../../src/lib/host/exec.ts';
import { LineSplitter } from '../../../src/lib/host/lines.ts';
import { enrollMachine, ownMachine, rights, type Right } from '../../../src/queue/machine.ts';
import type { ReleaseStatus, WorkerStatus } from '../../../src/queue/status.ts';
import { descendantsOf, type Process } from '../../helpers/remains.ts';
import { cli, type Ended } from '../../helpers/milliner.ts';
import { Bench, password } from '../../helpers/publish-fixture.ts';
import type { ServerOptions } from '../../helpers/registry/registry-server.ts';
import { storedIn } from '../../helpers/registry/stored-blobs.ts';

export interface Circumstances {
  state?: string;
  env?: Record<string, string>;
  /** Program and arguments to put in front. */
  wrapper?: string[];
}

/** A line of a worker's log. */
export interface Line {
  level: string;
  message: string;
  job?: string;
  release?: string;
  recipe?: string;
  run?: string;
}

export class Workshop {
  readonly bench: Bench;
  readonly #workers: WorkerProcess[] = [];

  private constructor(bench: Bench) {
    this.bench = bench;
  }

  static async open(options: ServerOptions = {}): Promise<Workshop> {
    return new Workshop(await Bench.open(options));
  }

  async close(): Promise<void> {
    for (const worker of this.#workers) worker.kill('SIGKILL');
    await Promise.all(this.#workers.map((worker) => worker.ended));
    for (const pid of await serversBelow(this.bench.desk.directory)) process.kill(pid, 'SIGKILL');
    await this.bench.close();
  }

  start(args: string[], { state = this.bench.desk.state, env = {}, wrapper = [] }: Circumstances = {}) {
    const [program = '', ...rest] = [...wrapper, process.execPath, cli, ...args];
    const own = { MILLINER_STATE: state, MILLINER_KEY_PASSWORD: password };
    return start(program, rest, { cwd: this.bench.desk.directory, env: { ...own, ...env } });
  }

  async ends(args: string[], circumstances?: Circumstances): Promise<Ended> {
    const { exitCode, signal, stdout, stderr } = await this.start(args, circumstances);
    return { code: exitCode, signal, stdout, stderr };
  }

  /** A run that must end well: its answer. */
  async json<T>(args: string[], circumstances?: Circumstances): Promise<T> {
    const { code, stdout, stderr } = await this.ends([...args, '--json'], circumstances);
    if (code !== 0) throw new Error(`milliner ${args.join(' ')}: ${code}\n${stderr}${stdout}`);
    return JSON.parse(stdout) as T;
  }

  releasing(recipes: string[], to: string, ...flags: string[]): string[] {
    return ['release', ...recipes, '--key', this.bench.key, '--to', to, ...flags];
  }

  /** Queues them; gives their ids. */
  async queue(recipes: string[], to: string, circumstances?: Circumstances, ...flags: string[]) {
    const args = this.releasing(recipes, to, '--detach', ...flags);
    const { releases } = await this.json<{ releases: { release: string; joined: boolean }[] }>(
      args,
      circumstances,
    );
    return releases.map(({ release }) => release);
  }

  async status(
    circumstances?: Circumstances,
  ): Promise<{ releases: ReleaseStatus[]; workers: WorkerStatus[] }> {
    return this.json(['queue', 'status', '--finished', '200'], circumstances);
  }

  /** Each takes the word of all others, for everything unless told. */
  async enroll(states: readonly string[], granted: readonly Right[] = rights): Promise<void> {
    for (const state of states) await mkdir(state, { recursive: true });
    const machines = await Promise.all(states.map((state) => ownMachine(state)));
    for (const [index, state] of states.entries()) {
      for (const { machine } of machines.toSpliced(index, 1)) await enrollMachine(state, machine, granted);
    }
  }

  worker(flags: string[] = [], circumstances?: Circumstances): WorkerProcess {
    const worker = new WorkerProcess(this.start(['worker', '--log', 'json', ...flags], circumstances));
    this.#workers.push(worker);
    return worker;
  }

  /**
   * What the registry keeps of a repository: its layers and manifests by number, its tags by name. Verdicts tell times,
   * and signatures the repository: the digests of either are other ones each time.
   */
  async stored(repository: string): Promise<{ layers: number; manifests: number; tags: string[] }> {
    const begin = `repositories/${repository}/`;
    const all = await storedIn(this.bench.server.storage);
    const lines = all.filter((line) => line.startsWith(begin)).map((line) => line.slice(begin.length));
    return {
      layers: lines.filter((line) => line.startsWith('_layers/')).length,
      manifests: lines.filter((line) => line.startsWith('_manifests/revisions/')).length,
      tags: lines.flatMap((line) => /^_manifests\/tags\/([^/]+)\//.exec(line)?.[1] ?? []),
    };
  }
}

export class WorkerProcess {
  readonly lines: Line[] = [];
  readonly ended: Promise<{ exitCode?: number | undefined; signal?: string | undefined }>;
  readonly #child: ReturnType<typeof start>;
  #wake = () => {};
  #over = false;

  constructor(child: ReturnType<typeof start>) {
    this.#child = child;
    this.ended = child.then((result) => {
      this.#over = true;
      this.#wake();
      return result;
    });
    const splitter = new LineSplitter((line) => {
      this.lines.push(line.startsWith('{') ? (JSON.parse(line) as Line) : { level: 'error', message: line });
      this.#wake();
    });
    child.stderr.on('data', (chunk: Buffer) => splitter.push(chunk));
  }

  get pid(): number {
    return this.#child.pid!;
  }

  /** Waits for a line, from the beginning of its log. */
  async says(matches: (line: Line) => boolean): Promise<Line> {
    for (;;) {
      const found = this.lines.find(matches);
      if (found) return found;
      const over = await Promise.race([
        this.ended.then(() => true),
        new Promise<false>((wake) => (this.#wake = () => wake(false))),
      ]);
      const last = this.lines.find(matches);
      if (last) return last;
      if (over) throw new Error(`the worker ended: ${this.lines.map(({ message }) => message).join('\n')}`);
    }
  }

  /** Not execa's kill, which follows a SIGTERM with a SIGKILL. */
  kill(signal: NodeJS.Signals): void {
    if (!this.#over) process.kill(this.pid, signal);
  }

  /** Itself and all that it has started. */
  async family(): Promise<number[]> {
    const below = await descendantsOf(this.pid);
    return [this.pid, ...below.map((one) => Number(one.split(' ')[0]))];
  }

  /** Those that have just ended are passed over. */
  async signalFamily(signal: NodeJS.Signals): Promise<void> {
    for (const pid of await this.family()) {
      try {
        process.kill(pid, signal);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
      }
    }
  }

  descendants(): Promise<Process[]> {
    return descendantsOf(this.pid);
  }

  /** The processes of its jobs. */
  async jobs(): Promise<number[]> {
    const pids = (await this.family()).slice(1);
    const commands = await Promise.all(
      pids.map((pid) => readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '')),
    );
    return pids.filter((_, index) => commands[index]!.includes('queue/job-process'));
  }
}

/** Private servers of state directories below a place: their working directory tells. */
export async function serversBelow(directory: string): Promise<number[]> {
  const found: number[] = [];
  for (const name of await readdir('/proc')) {
    if (!/^\d+$/.test(name)) continue;
    const command = await readFile(join('/proc', name, 'cmdline'), 'utf8').catch(() => '');
    const place = await readlink(join('/proc', name, 'cwd')).catch(() => '');
    if (command.startsWith('redis-server') && place.startsWith(`${directory}/`)) found.push(Number(name));
  }
  return found;
}

/** Asks again and again until there is an answer. */
export async function eventually<T>(question: () => Promise<T | undefined>, seconds = 120): Promise<T> {
  const deadline = Date.now() + seconds * 1000;
  for (;;) {
    const answer = await question();
    if (answer !== undefined) return answer;
    if (Date.now() > deadline) throw new Error(`no answer within ${seconds} s: ${question.toString()}`);
    await sleep(100);
  }
}
