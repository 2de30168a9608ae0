/**
 * For `run --detach`: the process that supervises the instances. It takes as long to load as the command line takes to
 * be read, so it is started first, and waits for what it is to do.
 */
import { extname, join } from 'node:path';
import { startDetached, type DetachedProcess } from '../../lib/host/detached.ts';

const module = join(import.meta.dirname, '../..', `supervisor${extname(import.meta.filename)}`);

/** It makes little garbage once its instances run, and lives as long as they do: V8 would keep 32 MiB for what is new. */
const options = ['--max-semi-space-size=1'];

let started: DetachedProcess | undefined;

/** For an entry point that expects a supervisor to be wanted. One that gets no request ends with this process. */
export function startSupervisorEarly(): void {
  started = startDetached([...options, module]);
  started.unref();
  started.channel?.unref();
}

/** The one that was started early, or another one. */
export function takeSupervisor(): DetachedProcess {
  const taken = started ?? startDetached([...options, module]);
  started = undefined;
  taken.ref();
  taken.channel?.ref();
  return taken;
}
