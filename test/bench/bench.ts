/**
 * npm run bench [-- NAME... [--only CASE]...] [--json FILE]: ours beside a named peer, in alternating runs on one machine.
 * Only the ratios mean anything elsewhere; which machine and versions they come from, and a plot of each bench, stand
 * beside FILE. --only takes a case's name or a part of it.
 */
import { execFileSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { cpus, release, totalmem } from 'node:os';
import { parseArgs } from 'node:util';
import { startMachine } from '../e2e/vm/machine.ts';
import { buildCases } from './build.ts';
import type { Bench, Case, Outcome } from './case.ts';
import { bootCases } from './boot.ts';
import { chainCases } from './chains.ts';
import { idleNightCases } from './idle-night.ts';
import { limitCases } from './limits.ts';
import { expectedSeconds, measureCases } from './measure.ts';
import { neighbourCases } from './neighbours.ts';
import { partsCases } from './parts.ts';
import { planCases } from './plan.ts';
import { drawRatios } from './plot.ts';
import { queueCases } from './queue.ts';
import { releaseCases } from './release.ts';
import { rollbackCases } from './rollback.ts';
import { siteCases } from './site.ts';
import { snapshotCases } from './snapshot.ts';
import { solveCases } from './solve.ts';
import { updateCases } from './updates.ts';

interface Opening {
  open: () => Promise<Bench>;
  /** Seconds before the first case, once measured on two cores; they depend on what is cached. */
  preparation: number;
}

const benches: Record<string, Opening> = {
  boot: { open: bootCases, preparation: 60 },
  build: { open: buildCases, preparation: 60 },
  chains: { open: chainCases, preparation: 240 },
  'idle-night': { open: idleNightCases, preparation: 60 },
  limits: { open: limitCases, preparation: 10 },
  neighbours: { open: neighbourCases, preparation: 60 },
  parts: { open: partsCases, preparation: 60 },
  plan: { open: planCases, preparation: 30 },
  queue: { open: queueCases, preparation: 1 },
  release: { open: releaseCases, preparation: 90 },
  rollback: { open: rollbackCases, preparation: 30 },
  site: { open: siteCases, preparation: 30 },
  snapshot: { open: snapshotCases, preparation: 30 },
  solve: { open: solveCases, preparation: 60 },
  updates: { open: updateCases, preparation: 300 },
};
/** Those that need device-mapper, and so run inside the virtual machine. */
const inside = new Set(['snapshot']);
const isInside = process.env['MILLINER_VM'] !== undefined;

/** Says first how long it will take: preparing it has its own share, known before its cases are. */
async function measureHere(
  name: string,
  { open, preparation }: Opening,
): Promise<{ found: Outcome[]; plot: string | undefined }> {
  if (preparation > 0) process.stdout.write(`${name}: prepares for about ${minutes(preparation)}\n`);
  const { cases, plot, close } = await open();
  try {
    const chosen = chosenOf(cases);
    if (chosen.length === 0) throw new Error(`no such case; ${name} has: ${namesOf(cases)}`);
    process.stdout.write(`${name}: ${chosen.length} cases in about ${minutes(expectedSeconds(chosen))}\n`);
    const found = await measureCases(chosen, (round, rounds) =>
      process.stdout.write(`${name}: round ${round} of ${rounds}\n`),
    );
    for (const outcome of found) process.stdout.write(`${lineOf(outcome)}\n`);
    // A bench that plots more than ratios measures for it whatever its cases have not.
    return { found, plot: chosen.length === cases.length ? await plot?.() : undefined };
  } finally {
    await close();
  }
}

/** Each word is the whole name of one, or a part of the names of any. */
function chosenOf(cases: readonly Case[]): Case[] {
  const { only } = values;
  if (only === undefined) return [...cases];
  const names = cases.map((one) => one.case);
  const isMeant = (word: string, name: string) =>
    names.includes(word) ? name === word : name.includes(word);
  return cases.filter((one) => only.some((word) => isMeant(word, one.case)));
}

const namesOf = (cases: readonly Case[]): string => cases.map((one) => `'${one.case}'`).join(', ');

const minutes = (seconds: number): string =>
  seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} minutes`;

function lineOf({ bench, case: name, figure, ours, peer, ratio, spread, target, aim, ok, unit }: Outcome) {
  const [least, most] = spread.map((one) => one.toFixed(2));
  const bounds =
    target === 'none' ? 'for information' : `must be ${target}, aim ${aim}: ${ok ? 'ok' : 'MISSED'}`;
  const what = figure === 'value' ? name : `${name}, ${figure}`;
  return `${bench}  ${what}: ${ours.toFixed(2)} ${unit}, peer ${peer.toFixed(2)}, ratio ${ratio.toFixed(2)} (${least} to ${most}), ${bounds}`;
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
    ...(values.only ?? []).flatMap((word) => ['--only', word]),
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

const { values, positionals } = parseArgs({
  options: { json: { type: 'string' }, only: { type: 'string', multiple: true } },
  allowPositionals: true,
});
const unknown = positionals.filter((name) => !(name in benches));
if (unknown.length > 0) {
  throw new Error(`no bench ${unknown.join(', ')}; there are: ${Object.keys(benches).join(', ')}`);
}
if (values.only && positionals.length === 0)
  throw new Error('--only chooses among the cases of the benches that are named before it');
const outcomes: Outcome[] = [];
const plots = new Map<string, string>();
for (const [name, opening] of Object.entries(benches)) {
  if (positionals.length > 0 && !positionals.includes(name)) continue;
  const { found, plot } =
    inside.has(name) && !isInside ? { found: await measureInside(name) } : await measureHere(name, opening);
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
