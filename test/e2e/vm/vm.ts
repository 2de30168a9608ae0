/** npm run test:vm -- COMMAND...: runs a command in the virtual machine, and ends as it does. */
import { startMachine } from './machine.ts';

const [...command] = process.argv.slice(2);
if (command.length === 0) command.push('vitest', 'run', '--config', 'test/e2e/vm/inside.config.ts');
const machine = await startMachine({ command, onLine: (line) => process.stdout.write(`${line}\n`) });
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, machine.powerOff);
const { exitCode, console } = await machine.ended;
if (exitCode !== 0) process.stderr.write(`${console.split('\n').slice(-40).join('\n')}\n`);
process.exitCode = exitCode ?? 1;
