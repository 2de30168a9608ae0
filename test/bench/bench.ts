/**
 * npm run bench [-- NAME...] [--json FILE]: ours beside a named peer, in alternating runs on one machine. Only the
 * ratios mean anything elsewhere; which machine and versions they come from, and a plot of each bench, stand beside FILE.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { startMachine } from '../e2e/vm/machine.ts';
import { buildCases } from './build.ts';
import type { Bench, Case, Outcome } from './case.ts';
import { idleNightCases } from './idle-night.ts';
import { planCases } from './plan.ts';
import { drawRatios } from './plot.ts';
import { queueCases } from './queue.ts';
import { rollbackCases } from './rollback.ts';
import { siteCases } from './site.ts';
import { snapshotCases } from './snapshot.ts';
import { solveCases } from './solve.ts';
import { updateCases } from './updates.ts';

const benches: Record<string, () => Promise<Bench>> = {
  build: buildCases,
  'idle-night': idleNightCases,
  plan: planCases,
  queue: queueCases,
  rollback: rollbackCases,
  site: siteCases,
  snapshot: snapshotCases,
  solve: solveCases,
  updates: updateCases,
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
  const { target, ok } = judge(ratio, one.target);
  return { bench: one.bench, case: one.case, ours, peer, ratio, target, ok, unit: one.unit, runs };
}

function judge(ratio: number, target: Case['target']): Pick<Outcome, 'target' | 'ok'> {
  if (!target) return { target: 'none', ok: true };
  return 'atLeast' in target
    ? { target: `>= ${target.atLeast}`, ok: ratio >= target.atLeast }
    : { target: `<= ${target.atMost}`, ok: ratio <= target.atMost };
}

async function measureHere(
  name: string,
  open: () => Promise<Bench>,
): Promise<{ found: Outcome[]; plot: string | undefined }> {
  const { cases, plot, close } = await open();
  try {
    const found: Outcome[] = [];
    for (const one of cases) {
      const outcome = await measure(one);
      found.push(outcome);
      const { ours, peer, ratio, target, ok, unit } = outcome;
      process.stdout.write(
        `${name}  ${one.case}: ${ours.toFixed(1)} ${unit}, peer ${peer.toFixed(1)}, ratio ${ratio.toFixed(2)} (${target}) ${ok ? 'ok' : 'MISSED'}\n`,
      );
    }
    return { found, plot: await plot?.() };
  } finally {
    await close();
  }
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
const plots = new Map<string, string>();
for (const [name, open] of Object.entries(benches)) {
  if (positionals.length > 0 && !positionals.includes(name)) continue;
  const { found, plot } =
    inside.has(name) && !isInside ? { found: await measureInside(name) } : await measureHere(name, open);
  outcomes.push(...found);
  plots.set(name, plot ?? drawRatios(name, found));
}
if (values.json !== undefined) {
  const beside = (ending: string) => values.json!.replace(/(\.json)?$/, ending);
  writeFileSync(values.json, `${JSON.stringify(outcomes, null, 2)}\n`);
  writeFileSync(beside('.machine.json'), `${JSON.stringify(machine(), null, 2)}\n`);
  for (const [name, svg] of plots) writeFileSync(beside(`.${name}.svg`), svg);
}
process.stdout.write(`${JSON.stringify(machine())}\n`);
process.exitCode = outcomes.every(({ ok }) => ok) ? 0 : 1;
