/** The memory of this process, where the addon is about to take as much again. */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

type Collect = (options: { type: 'major'; execution: 'sync'; flavor: 'last-resort' }) => void;

let collect: Collect | undefined;

/**
 * Gives back what is garbage: V8 does so when it needs memory itself, and knows nothing of others who do. Takes some tens
 * of milliseconds; saves a third of what a command has until then.
 */
export function returnGarbage(): void {
  if (!collect) {
    // Node has no other way to its collector than the flag, which counts for contexts that are made after it.
    setFlagsFromString('--expose-gc');
    collect = runInNewContext('gc') as Collect;
    setFlagsFromString('--no-expose-gc');
  }
  collect({ type: 'major', execution: 'sync', flavor: 'last-resort' });
}
