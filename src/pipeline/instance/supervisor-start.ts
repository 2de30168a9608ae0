/**
 * For `run --detach`: the process that supervises the instances. It takes as long to load as the command line takes to
 * be read, so it is started first, and waits for what it is to do.
 */
import { extname, join } from 'node:path';
import { startDetached, type DetachedProcess } from '../../lib/host/detached.ts';

const module = join(import.meta.dirname, '../..', `supervisor${extname(import.meta.filename)}`);

let started: DetachedProcess | undefined;

/** For an entry point that expects a supervisor to be wanted. One that gets no request ends with this process. */
export function startSupervisorEarly(): void {
  started = startDetached([module]);
  started.unref();
  started.channel?.unref();
}

/** The one that was started early, or another one. */
export function takeSupervisor(): DetachedProcess {
  const taken = started ?? startDetached([module]);
  started = undefined;
  taken.ref();
  taken.channel?.ref();
  return taken;
}
