/** Runs commands in one process for a file of tests, where processes are not what it tests. The soak starts one for each. */
import { fork, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { searchPath } from '../../src/lib/host/program-environment.ts';

export interface Order {
  args: string[];
  cwd: string;
  env: Record<string, string>;
}

export interface Outcome {
  code: number;
  stdout: string;
  stderr: string;
}

/** What a command reads when it looks, and not what Node or libc take from the environment when they begin. */
const isReadLater = (name: string) => /^(MILLINER_\w+|REGISTRY_AUTH_FILE|HOME)$/.test(name);
/** As src/lib/host/program-environment.ts starts programs. */
const environment = {
  PATH: searchPath.join(':'),
  LC_ALL: 'C.UTF-8',
  TZ: 'UTC',
  HOME: '/proc/nonexistent',
};

let isWanted = false;
let isBusy = false;
let server: ChildProcess | undefined;

/** From here on the commands of this file run in one process, as far as they come one after another. */
export function useOneProcess(): void {
  isWanted = process.env['MILLINER_SOAK'] === undefined;
}

/** Undefined where the command needs a process of its own. */
export async function inOneProcess({ args, cwd, env }: Order): Promise<Outcome | undefined> {
  if (!isWanted || isBusy || !Object.keys(env).every(isReadLater)) return undefined;
  isBusy = true;
  const child = (server ??= begin());
  try {
    return await new Promise<Outcome>((resolve, reject) => {
      const died = () => reject(new Error(`milliner ${args.join(' ')} ended the process of the commands`));
      child.once('exit', died);
      child.once('message', (outcome) => {
        child.off('exit', died);
        resolve(outcome as Outcome);
      });
      child.send({ args, cwd, env: { ...environment, ...env } });
    });
  } finally {
    isBusy = false;
  }
}

/** It ends with the process of the tests. */
function begin(): ChildProcess {
  const child = fork(join(import.meta.dirname, 'command-server.ts'), [], {
    env: environment,
    execArgv: [],
    cwd: '/',
    detached: true,
  });
  child.unref();
  child.channel!.unref();
  return child;
}
