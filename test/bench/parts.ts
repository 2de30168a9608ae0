/**
 * Core-seconds of a cold build by part, beside all of its processes. Needs no perf: control groups count containers, and
 * the kernel's account of each thread (/proc/PID/task/TID/schedstat) is sampled.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { BuildScene } from './build-scene.ts';
import type { Bench } from './case.ts';
import { ProcessTimes, type ThreadTime } from './process-times.ts';
import { ProcessorGroup } from './processor-group.ts';
import { busySeconds } from './usage.ts';

const milliseconds = 100;
const runs = 3;

/** Of one build. */
interface Parts {
  all: number;
  parts: Record<string, number>;
}

const isV8 = ({ name }: ThreadTime) => name === 'V8Worker' || name === 'DelayedTaskSche';
const isNode = ({ program }: ThreadTime) => program === 'MainThread' || program === 'node';

/** The first that is true of a thread decides; Milliner's process is the one that was started. */
const threadParts: [string, (thread: ThreadTime, milliner: number) => boolean][] = [
  ['rpm itself', ({ isContained, program }) => isContained && program === 'rpm'],
  ["scriptlets' programs", ({ isContained }) => isContained],
  ["V8's own threads, of all processes", (thread) => isNode(thread) && isV8(thread)],
  ["Milliner's main thread", ({ pid, isMain }, milliner) => pid === milliner && isMain],
  ["Milliner's other threads (libuv, tracer)", ({ pid }, milliner) => pid === milliner],
  ['confined workers: JavaScript', (thread) => isNode(thread) && thread.isMain],
  ["the layer engine's threads (libuv of confined workers)", isNode],
  ['programs on the host (cp, gpg, rpmkeys, runc, mkfs)', () => true],
];
const partNames = [...threadParts.map(([name]) => name), "the kernel's threads, and others on the machine"];

export async function partsCases(): Promise<Bench> {
  const scene = await BuildScene.open();
  const measured: Promise<Parts>[] = [];
  const nth = (run: number) => (measured[run] ??= measureParts(scene.coldCommand()));
  const inTurn = (figure: (parts: Parts) => number) => {
    let run = 0;
    return async () => figure(await nth(run++));
  };
  const all = inTurn((found) => found.all);
  return {
    cases: partNames.map((name, index) => ({
      bench: 'parts',
      case: name,
      unit: 'core-s',
      target: undefined,
      runs,
      seconds: { ours: index === 0 ? 17 : 0, peer: 0 },
      ours: inTurn(({ parts }) => parts[name]!),
      peer: all,
    })),
    close: async () => scene.close(),
  };
}

async function measureParts(command: readonly string[]): Promise<Parts> {
  const group = await ProcessorGroup.make();
  try {
    const busy = busySeconds();
    const [program, ...options] = group.within(command);
    const child = spawn(program!, options, { stdio: 'ignore' });
    const times = new ProcessTimes(group.places);
    const timer = setInterval(() => times.sample(), milliseconds);
    const [code] = (await once(child, 'exit')) as [number | null];
    clearInterval(timer);
    if (code !== 0) throw new Error(`the build whose parts were measured ended with ${code}`);
    const all = group.seconds();
    return { all, parts: partsOf(times, child.pid!, { all, machine: busySeconds() - busy }) };
  } finally {
    await group.remove();
  }
}

/** What no sample has met is of programs that ended soon: in a container scriptlets', else on the host. */
function partsOf(
  times: ProcessTimes,
  milliner: number,
  { all, machine }: { all: number; machine: number },
): Parts['parts'] {
  const parts = Object.fromEntries(partNames.map((name) => [name, 0]));
  for (const thread of times.threads) {
    const [name] = threadParts.find(([, isOf]) => isOf(thread, milliner))!;
    parts[name]! += thread.seconds;
  }
  const [rpm, scriptlets] = partNames as [string, string];
  parts[scriptlets] = times.containers - parts[rpm]!;
  const host = threadParts.at(-1)![0];
  parts[host]! += all - Object.values(parts).reduce((sum, seconds) => sum + seconds, 0);
  parts[partNames.at(-1)!] = machine - all;
  return parts;
}
