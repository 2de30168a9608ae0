/** Reads the journal of an instance. The answers come from the image, and are not trusted. */
import type { Instance } from './instance.ts';
import { priorities, type JournalCounts, type JournalEntry } from './evidence.ts';
import type { AskOptions } from './units.ts';

const maxJournalEntries = 200;
const maxJournalLines = 10;
/** Entries of priority warning and above that are counted: the last ones. */
const maxCounted = 10_000;

const journalctl = ['journalctl', '--no-pager', '--quiet'];

/** The last lines that a unit logged. */
export async function lastLogLinesOf(
  instance: Instance,
  unit: string,
  options: AskOptions,
): Promise<string[]> {
  const args = [...journalctl, '-o', 'cat', '-n', String(maxJournalLines), '-u', unit];
  const { exitCode, stdout } = await instance.exec(args, options);
  if (exitCode !== 0) return [];
  const lines = stdout.split('\n').filter(Boolean).slice(-maxJournalLines);
  return lines.map((line) => line.slice(0, maxCharacters));
}

/** A string with the reason if the journal cannot be read: it must not look like a journal without errors. */
export async function readJournalErrors(
  instance: Instance,
  options: AskOptions,
): Promise<JournalEntry[] | string> {
  const program = [...journalctl, '-o', 'json', '-p', 'err', '-n', String(maxJournalEntries)];
  const { exitCode, stdout, stderr, timedOut } = await instance.exec(program, options);
  if (timedOut) return 'journalctl has not come to its end';
  // journalctl exits with 1 if there is nothing to show.
  if (exitCode !== 0 && stderr.trim() !== '') return stderr.trim().slice(0, maxCharacters);
  return stdout.split('\n').filter(Boolean).slice(-maxJournalEntries).flatMap(parseEntry);
}

/** How many entries of each priority there are; undefined if the journal cannot be read. */
export async function countJournal(
  instance: Instance,
  options: AskOptions,
): Promise<JournalCounts | undefined> {
  const fields = ['-o', 'json', '--output-fields=PRIORITY', '-p', 'warning', '-n', String(maxCounted)];
  const { exitCode, stdout, stderr, timedOut } = await instance.exec([...journalctl, ...fields], options);
  if (timedOut || (exitCode !== 0 && stderr.trim() !== '')) return undefined;
  return countPriorities(stdout.split('\n').slice(0, maxCounted));
}

/** Of lines of JSON; a line without a priority counts as none. */
export function countPriorities(lines: readonly string[]): JournalCounts {
  const counts = Object.fromEntries(priorities.map((name) => [name, 0])) as JournalCounts;
  for (const line of lines) {
    // The only field asked for; the others that journalctl adds are addresses and times of the entry.
    const name = priorities[Number(/"PRIORITY"\s*:\s*"([0-4])"/.exec(line)?.[1] ?? Number.NaN)];
    if (name !== undefined) counts[name] += 1;
  }
  return counts;
}

/** systemd.journal-fields(7); a field that is not UTF-8 is an array of bytes. */
export function parseEntry(line: string): JournalEntry[] {
  try {
    const entry = JSON.parse(line) as Record<string, unknown> | null;
    if (typeof entry !== 'object' || entry === null || Array.isArray(entry)) return [];
    const unit = textOf(entry['_SYSTEMD_UNIT'] ?? entry['UNIT'] ?? entry['SYSLOG_IDENTIFIER']);
    return [{ unit, message: textOf(entry['MESSAGE']) }];
  } catch {
    return [];
  }
}

const maxCharacters = 1000;

function textOf(value: unknown): string {
  if (typeof value === 'string') return value.slice(0, maxCharacters);
  if (!Array.isArray(value) || !value.every((byte) => Number.isInteger(byte))) return '';
  return Buffer.from(value.slice(0, maxCharacters) as number[]).toString('utf8');
}
