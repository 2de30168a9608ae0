/**
 * Twenty web applications on one host, one of them a hog: what the other nineteen answer, and how fast, beside what they
 * answer without it. Once with limits, and once with limits so wide that they do not matter.
 */
import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import type { RunningInstance } from '../../src/pipeline/instance/instance-records.ts';
import { entrypointOf } from '../integration/boot/programs.ts';
import { connected } from '../integration/boot/connection.ts';
import { Desk } from '../helpers/milliner.ts';
import type { Bench, Case } from './case.ts';
import { hogged, startHog, type Hogged } from './hogs.ts';

const neighbours = 19;
/** Requests at once to each. */
const clients = 2;
/** Seconds of a measurement, and before it. */
const window = 8;
const warming = 1;
/** Milliseconds after which a request has failed; it counts as one that took so long. */
const patience = 10_000;

/** As much of two cores as each of twenty may have. */
const limited = {
  cpus: 0.1,
  memory: '64M',
  pids: 64,
  disk: '256M',
  bandwidth: '10mbit',
  io: { read: '8M', write: '8M' },
};
const wide = { memory: '2G', pids: 4096, disk: '2G' };
const kinds = { limited, 'without limits': wide };
type Kind = keyof typeof kinds;

const hogs: Record<string, (hog: Hogged) => Promise<unknown> | void> = {
  processor: (hog) => void startHog(hog, 'cpu', '8'),
  memory: (hog) => void startHog(hog, 'memory', String(1536 * 1024 ** 2)),
  forks: (hog) => void startHog(hog, 'forks'),
  disk: (hog) => startHog(hog, 'write', '/large', String(64 * 1024 ** 2)).begun,
  network: async (hog) => (await connected(hog.ports.get(81)!)).resume().on('error', () => undefined),
};

export async function neighbourCases(): Promise<Bench> {
  const desk = await Desk.open('/var/tmp');
  const program = await entrypointOf('hog');
  const cases: Case[] = [];
  for (const [kind, limits] of Object.entries(kinds)) {
    const image = imageOf(kind as Kind);
    const test = { ready: { notify: true }, limits };
    await desk.build(await desk.tiny(image, ['tiny-base'], { ...program, test }));
    const { instances } = await start(desk, image, neighbours, ['80']);
    const ports = instances.map((one) => hogged(desk, one).ports.get(80)!);
    cases.push(...casesOf(desk, kind as Kind, ports));
  }
  const close = async () => {
    await desk.run(['stop', '--all']);
    await desk.remove();
  };
  return { cases, close };
}

const imageOf = (kind: Kind): string => (kind === 'limited' ? 'limited' : 'wide');

const start = (desk: Desk, image: string, count: number, ports: readonly string[]) =>
  desk.json<{ instances: RunningInstance[] }>([
    'run',
    image,
    '--detach',
    '--instances',
    String(count),
    ...ports.flatMap((port) => ['--publish', port]),
  ]);

/** Two cases for each hog, from one measurement: the first one makes it. */
function casesOf(desk: Desk, kind: Kind, ports: readonly number[]): Case[] {
  const alone = new Measurement(() => answered(ports));
  return Object.entries(hogs).flatMap(([name, work]) => {
    const beside = new Measurement(() => withHog(desk, kind, work, () => answered(ports)));
    const common = { bench: 'neighbours', runs: 3, seconds: { ours: 14, peer: 9 } };
    const isHeld = kind === 'limited';
    return [
      {
        ...common,
        case: `${kind}: requests beside a hog of ${name}`,
        unit: '1/s',
        target: isHeld ? { atLeast: 0.8 } : undefined,
        ours: beside.rate,
        peer: alone.rate,
      },
      {
        ...common,
        case: `${kind}: 99th percentile beside a hog of ${name}`,
        unit: 'ms',
        target: isHeld ? { atMost: 2 } : undefined,
        seconds: { ours: 0, peer: 0 },
        ours: beside.slow,
        peer: alone.slow,
      },
    ];
  });
}

interface Answered {
  /** In a second. */
  rate: number;
  /** Milliseconds within which 99 of 100 are answered. */
  slow: number;
}

/** One run gives both figures, whichever is asked for first. */
class Measurement {
  readonly #run: () => Promise<Answered>;
  #open: { result: Promise<Answered>; taken: keyof Answered } | undefined;

  constructor(run: () => Promise<Answered>) {
    this.#run = run;
  }

  readonly rate = (): Promise<number> => this.#take('rate');
  readonly slow = (): Promise<number> => this.#take('slow');

  async #take(figure: keyof Answered): Promise<number> {
    const open = this.#open;
    if (open && open.taken !== figure) {
      this.#open = undefined;
      return (await open.result)[figure];
    }
    this.#open = { result: this.#run(), taken: figure };
    return (await this.#open.result)[figure];
  }
}

async function withHog(
  desk: Desk,
  kind: Kind,
  work: (hog: Hogged) => Promise<unknown> | void,
  fn: () => Promise<Answered>,
): Promise<Answered> {
  const { instances } = await start(desk, imageOf(kind), 1, ['81']);
  const hog = hogged(desk, instances[0]!);
  try {
    await work(hog);
    await sleep(warming * 1000);
    return await fn();
  } finally {
    await desk.run(['stop', hog.id]);
  }
}

/** Each client sends its next request when the last one is answered. */
async function answered(ports: readonly number[]): Promise<Answered> {
  const times: number[] = [];
  let failures = 0;
  const began = performance.now();
  const end = began + window * 1000;
  const client = async (port: number) => {
    while (performance.now() < end) {
      const asked = performance.now();
      const isAnswered = await ask(port);
      if (!isAnswered) failures++;
      times.push(isAnswered ? performance.now() - asked : patience);
    }
  };
  await Promise.all(ports.flatMap((port) => Array.from({ length: clients }, () => client(port))));
  const sorted = times.toSorted((a, b) => a - b);
  const slow = sorted[Math.floor(sorted.length * 0.99)] ?? Number.NaN;
  return { rate: (times.length - failures) / ((performance.now() - began) / 1000), slow };
}

function ask(port: number): Promise<boolean> {
  return new Promise((done) => {
    const asked = request({ port, host: '127.0.0.1', agent: false, timeout: patience }, (response) => {
      response.resume().once('end', () => done(response.statusCode === 200));
    });
    asked.once('timeout', () => asked.destroy());
    asked.once('close', () => done(false));
    asked.once('error', () => done(false));
    asked.end();
  });
}
