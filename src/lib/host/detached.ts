/** Starts processes of ours that outlive the one that starts them. Apart from exec.ts, which takes long to load. */
import { spawn, type ChildProcess } from 'node:child_process';
import { programEnvironment } from './program-environment.ts';

export type DetachedProcess = ChildProcess;

/** How this process itself was started, which the others have to know. */
const passed = ['MILLINER_TCG', 'NODE_COMPILE_CACHE'];

/** Runs a module or a command of ours, with an IPC channel until either side disconnects. */
export function startDetached(args: readonly string[]): ChildProcess {
  const own = Object.entries(process.env).filter(([name]) => passed.includes(name));
  return spawn(process.execPath, args, {
    env: { ...programEnvironment, ...Object.fromEntries(own) },
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    detached: true,
  });
}
