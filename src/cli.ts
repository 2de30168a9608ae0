#!/usr/bin/env node
/** The entry point: everything after it is a command's. */
import { join } from 'node:path';
import { MillinerError } from './lib/errors/error.ts';

// npm runs a script in the package's directory: paths are meant from where the user is.
if (process.env['npm_lifecycle_event'] === 'milliner' && process.env['INIT_CWD'])
  process.chdir(process.env['INIT_CWD']);

const oldestNode = 24;
if (Number.parseInt(process.versions.node, 10) < oldestNode) {
  // An older one lacks modules that every command loads, and would say so in many words.
  const message = `this is Node ${process.versions.node}; Milliner needs ${oldestNode} or later`;
  const { code, hint, exitCode } = new MillinerError('HOST_MISSING', message, {
    hint: 'Run npm run -s milliner -- COMMAND, which uses the pinned Node.',
  });
  if (process.argv.includes('--json'))
    process.stdout.write(`${JSON.stringify({ error: { code, message, hint } }, null, 2)}\n`);
  else process.stderr.write(`${code}: ${message}\n  ${hint}\n`);
  process.exitCode = exitCode;
} else {
  // Beside what was compiled, where only those write who may write that; for the processes of jobs too.
  process.env['NODE_COMPILE_CACHE'] ??= join(import.meta.dirname, '.compiled');
  // Older ones, which are to be told so, do not have it.
  const { enableCompileCache } = await import('node:module');
  enableCompileCache();
  const words = process.argv.slice(2);
  if (words[0] === 'run' && words.some((word) => word === '--detach' || word === '-d')) {
    const { startSupervisorEarly } = await import('./pipeline/instance/supervisor-start.ts');
    startSupervisorEarly();
  }
  const { start } = await import('./cli/start.ts');
  start(words, import.meta.url);
}
