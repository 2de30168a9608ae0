/**
 * Stands in for `milliner nightly PATH --state STATE --json`: what it does is in PATH.behaviour, what it did goes to
 * PATH.runs.
 */
import { spawn } from 'node:child_process';
import { appendFileSync, existsSync, readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';

export interface Behaviour {
  /** Milliseconds that it takes. */
  milliseconds?: number;
  /** Goes on in spite of SIGTERM and of a worker that has died. */
  stubborn?: boolean;
  stderr?: string;
  answer?: object;
  exitCode?: number;
  /** Arguments of a program to run first, in its own group. */
  first?: string[];
}

const [, , , path = ''] = process.argv;
const file = `${path}.behaviour`;
const behaviour = (existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : {}) as Behaviour;
const note = (what: string) => appendFileSync(`${path}.runs`, `${what} ${process.pid}\n`);

function end(what: string): void {
  note(what);
  if (!behaviour.stubborn) process.exit(7);
}
process.on('SIGTERM', () => end('terminated'));
process.on('disconnect', () => end('orphaned'));

note('begins');
if (behaviour.stderr !== undefined) process.stderr.write(behaviour.stderr);
if (behaviour.first) {
  const [program = '', ...args] = behaviour.first;
  const child = spawn(program, args, { stdio: ['ignore', 'ignore', 'inherit'] });
  await new Promise((done) => child.once('exit', done));
}
await sleep(behaviour.milliseconds ?? 0);
note('ends');
const names = Object.keys(process.env).filter((name) => name.startsWith('MILLINER_'));
process.stdout.write(JSON.stringify(behaviour.answer ?? { args: process.argv.slice(2), names }));
process.removeAllListeners('disconnect');
process.exitCode = behaviour.exitCode ?? 0;
