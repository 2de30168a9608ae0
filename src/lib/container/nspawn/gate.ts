/** Where the program of an instance in systemd-nspawn waits for its link: milliner-enter reads a word before it goes on. */
import { writeSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { firstProgramIn } from './first-process.ts';

/** Milliseconds. */
const pollMilliseconds = 5;
const patience = 1000;

interface Gated {
  /** The writing end of its standard input. */
  gate: number;
  link: (pid: number) => Promise<void>;
  ended: Promise<unknown>;
}

/** Lets it begin once it has its link. What link throws is thrown, unless the instance has just ended. */
export async function openGate(id: string, { gate, link, ended }: Gated): Promise<void> {
  const over = new AbortController();
  void ended.then(() => over.abort());
  for (; !over.signal.aborted; await sleep(pollMilliseconds)) {
    const found = await firstProgramIn(id);
    if (!found?.isEntering) continue;
    try {
      await link(found.pid);
      writeSync(gate, '1');
      return;
    } catch (error) {
      await Promise.race([ended, sleep(patience)]);
      if (!over.signal.aborted) throw error;
    }
  }
}
