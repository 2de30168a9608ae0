/** Many inputs of one kind, read by processes that are watched: one that crashes or hangs names its input. */
import { spawn } from 'node:child_process';
import { mkdtempSync } from 'node:fs';
import { join } from 'node:path';
import { sanitizedEnvironment } from './sanitized.ts';
import { mostMemory, type Report } from './report.ts';

export interface Campaign {
  subject: string;
  count: number;
  isSanitized: boolean;
  /** Of the originals. */
  directory: string;
}

export interface Findings {
  /** Of each input that is unlike the others. */
  digests: Set<string>;
  /** How many ended in each way. */
  outcomes: Record<string, number>;
  /** How many the addon got. */
  inAddon: number;
  /** Each with the file that shows it. */
  failures: string[];
  /** MiB at most. */
  memory: number;
}

/** Milliseconds for one input, which takes some ten on a machine that has nothing else to do. */
const patience = 60_000;
const mostFailures = 10;

export async function run(campaign: Campaign): Promise<Findings> {
  const findings: Findings = { digests: new Set(), outcomes: {}, inAddon: 0, failures: [], memory: 0 };
  const work = mkdtempSync(join(campaign.directory, 'work-'));
  for (let next = 0; next < campaign.count && findings.failures.length < mostFailures;) {
    next = await runFrom(next, campaign, work, findings);
  }
  return findings;
}

/** Until all are done, or the process has died of one; gives the number of the next. */
async function runFrom(first: number, campaign: Campaign, work: string, findings: Findings): Promise<number> {
  const { subject, count, directory, isSanitized } = campaign;
  const worker = join(import.meta.dirname, 'worker.ts');
  const child = spawn(process.execPath, [worker, directory, work, subject, String(first), String(count)], {
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
    env: {
      PATH: process.env['PATH'],
      NODE_COMPILE_CACHE: join(directory, 'compiled'),
      ...(isSanitized && sanitizedEnvironment(mostMemory)),
    },
  });
  let next = first;
  let words = '';
  let isHung = false;
  const watchdog = setTimeout(() => {
    isHung = true;
    child.kill('SIGKILL');
  }, patience);
  child.stderr?.on('data', (piece: Buffer) => (words = (words + piece.toString()).slice(-8000)));
  child.on('message', (message) => {
    watchdog.refresh();
    const report = message as Report;
    next = report.index + 1;
    take(report, subject, work, findings);
  });
  const [code, signal] = await new Promise<[number | null, string | null]>((resolve) => {
    child.on('close', (...how) => resolve(how));
  });
  clearTimeout(watchdog);
  if (code === 0 && next === count) return next;
  const what = isHung ? `has read for ${patience} ms` : `died: ${signal ?? `exit code ${code}`}\n${words}`;
  findings.failures.push(`${place(subject, next, work)}: ${what}`);
  return next + 1;
}

function take(
  { index, digest, outcome, isInAddon, failure, memory }: Report,
  subject: string,
  work: string,
  findings: Findings,
) {
  findings.digests.add(digest);
  findings.outcomes[outcome] = (findings.outcomes[outcome] ?? 0) + 1;
  if (isInAddon) findings.inAddon += 1;
  findings.memory = Math.max(findings.memory, memory);
  if (failure !== undefined) findings.failures.push(`${place(subject, index, work)}: ${failure}`);
}

const place = (subject: string, index: number, work: string) =>
  `node test/fuzz/mutate/replay.ts '${subject}' ${join(work, String(index))}`;
