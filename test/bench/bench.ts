/**
 * npm run bench [-- NAME...] [--json FILE]: ours beside a named peer, in alternating runs on one machine. Only the
 * ratios mean anything elsewhere; which machine and versions they come from stands beside them.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { startMachine } from '../vm/machine.ts';
import { buildCases } from './build.ts';
import { queueCases } from './queue.ts';
import { snapshotCases } from './snapshot.ts';

export interface Case {
  bench: string;
  case: string;
  unit: string;
  /** Of ours divided by the peer's. */
  target: { atLeast: number } | { atMost: number };
  runs: number;
  ours: () => Promise<number>;
  peer: () => Promise<number>;
}

export interface Outcome {
  bench: string;
  case: string;
  /** Medians. */
  ours: number;
  peer: number;
  ratio: number;
  target: string;
  ok: boolean;
  unit: string;
  runs: { ours: number[]; peer: number[] };
}

const benches: Record<string, () => Promise<{ cases: Case[]; close: () => Promise<void> }>> = {
  build: buildCases,
  queue: queueCases,
  snapshot: snapshotCases,
};
/** Those that need device-mapper, and so run inside the virtual machine. */
const inside = new Set(['snapshot']);
const isInside = process.env['MILLINER_VM'] !== undefined;

function median(numbers: readonly number[]): number {
  return numbers.toSorted((a, b) => a - b)[Math.floor(numbers.length / 2)]!;
}

async function measure(one: Case): Promise<Outcome> {
  const runs: Outcome['runs'] = { ours: [], peer: [] };
  for (let run = 0; run < one.runs; run++) {
    // Who goes first takes turns as well.
    for (const side of run % 2 === 0 ? (['ours', 'peer'] as const) : (['peer', 'ours'] as const)) {
      runs[side].push(await one[side]());
    }
  }
  const [ours, peer] = [median(runs.ours), median(runs.peer)];
  const ratio = ours / peer;
  const ok = 'atLeast' in one.target ? ratio >= one.target.atLeast : ratio <= one.target.atMost;
  const target = 'atLeast' in one.target ? `>= ${one.target.atLeast}` : `<= ${one.target.atMost}`;
  return { bench: one.bench, case: one.case, ours, peer, ratio, target, ok, unit: one.unit, runs };
}

/** The same command in the machine, which has two cores for it. */
async function measureInside(name: string): Promise<Outcome[]> {
  // The thread that runs JavaScript stays on one core, see MachineOptions; the bench gives the others to its calls.
  const command = [
    'taskset',
    '-c',
    '0',
    process.execPath,
    import.meta.filename,
    name,
    '--json',
    '/vm/result',
  ];
  const { ended } = await startMachine({
    command,
    processors: 2,
    onLine: (line) => process.stdout.write(`${line}\n`),
  });
  const { exitCode, result, console } = await ended;
  if (result === undefined)
    throw new Error(`bench ${name} in the virtual machine: exit ${exitCode}\n${console}`);
  return JSON.parse(result) as Outcome[];
}

function machine(): Record<string, unknown> {
  const version = (program: string, ...args: string[]) =>
    execFileSync(program, args, { encoding: 'utf8' }).split('\n')[0];
  const [cpu, ...more] = cpus();
  return {
    processor: cpu?.model,
    cores: more.length + 1,
    memory: totalmem(),
    kernel: release(),
    node: process.version,
    redis: version('redis-server', '--version'),
    commit: version('git', 'rev-parse', 'HEAD'),
  };
}

const { values, positionals } = parseArgs({ options: { json: { type: 'string' } }, allowPositionals: true });
const unknown = positionals.filter((name) => !(name in benches));
if (unknown.length > 0) {
  throw new Error(`no bench ${unknown.join(', ')}; there are: ${Object.keys(benches).join(', ')}`);
}
const outcomes: Outcome[] = [];
for (const [name, open] of Object.entries(benches)) {
  if (positionals.length > 0 && !positionals.includes(name)) continue;
  if (inside.has(name) && !isInside) {
    outcomes.push(...(await measureInside(name)));
    continue;
  }
  const { cases, close } = await open();
  try {
    for (const one of cases) {
      const outcome = await measure(one);
      outcomes.push(outcome);
      const { ours, peer, ratio, target, ok, unit } = outcome;
      process.stdout.write(
        `${name}  ${one.case}: ${ours.toFixed(1)} ${unit}, peer ${peer.toFixed(1)}, ratio ${ratio.toFixed(2)} (${target}) ${ok ? 'ok' : 'MISSED'}\n`,
      );
    }
  } finally {
    await close();
  }
}
if (values.json !== undefined) {
  writeFileSync(values.json, `${JSON.stringify(outcomes, null, 2)}\n`);
  writeFileSync(
    values.json.replace(/(\.json)?$/, '.machine.json'),
    `${JSON.stringify(machine(), null, 2)}\n`,
  );
}
process.stdout.write(`${JSON.stringify(machine())}\n`);
process.exitCode = outcomes.every(({ ok }) => ok) ? 0 : 1;
