/**
 * What modules remember for the rest of their process, such as open connections. A process that does one job after the
 * other forgets it in between, so that no job depends on the jobs before it.
 */
type Forget = () => void | Promise<void>;

const all: Forget[] = [];

/** To be called once by each module that remembers something between two calls. */
export function forgetBetweenJobs(forget: Forget): void {
  all.push(forget);
}

export async function forgetJob(): Promise<void> {
  for (const forget of all) await forget();
}
