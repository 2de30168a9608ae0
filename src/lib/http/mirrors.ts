/** Several URLs of one file: the order in which they are tried, the retries, and the error when all have failed. */
import { setTimeout as sleep } from 'node:timers/promises';
import { MillinerError } from '../errors/error.ts';
import { forgetBetweenJobs } from '../host/process-memory.ts';
import { AddressRefused } from './reach.ts';
import { AttemptError, showUrl } from './request.ts';

export interface MirrorOptions {
  signal?: AbortSignal | undefined;
  /** How often each mirror is tried while its failures are transient; default 5, over about 10 s. */
  rounds?: number;
}

/** Milliseconds; each round waits three times as long as the round before. */
const firstDelay = 250;
const maxDelay = 60_000;

/** Failures of each origin in this process: mirrors that failed often are tried last. */
const failures = new Map<string, number>();
forgetBetweenJobs(() => failures.clear());

/** Tries the URLs in turn until one attempt succeeds. Throws REPO_UNAVAILABLE, ADDRESS_REFUSED, DIGEST_MISMATCH, INTERRUPTED. */
export async function eachMirror<T>(
  urls: string | readonly string[],
  options: MirrorOptions,
  once: (url: string) => Promise<T>,
): Promise<T> {
  const given = typeof urls === 'string' ? [urls] : urls;
  let mirrors = given.toSorted((a, b) => failuresOf(a) - failuresOf(b));
  const reasons: { url: string; error: AttemptError }[] = [];
  for (let round = 0; mirrors.length > 0 && round < (options.rounds ?? 5); round++) {
    if (round > 0) await pause(round, reasons, options.signal);
    for (const url of mirrors) {
      try {
        return await once(url);
      } catch (error) {
        if (options.signal?.aborted) throw new MillinerError('INTERRUPTED', 'the download was stopped');
        if (!(error instanceof AttemptError)) throw error;
        reasons.push({ url, error });
        if (error.permanent) mirrors = mirrors.filter((mirror) => mirror !== url);
        else failures.set(originOf(url), failuresOf(url) + 1);
      }
    }
  }
  throw exhausted(given, reasons);
}

async function pause(round: number, reasons: { error: AttemptError }[], signal: AbortSignal | undefined) {
  const asked = reasons.at(-1)?.error.retryAfter ?? 0;
  const delay = firstDelay * 3 ** (round - 1) * (1 + Math.random() / 4);
  await sleep(Math.min(Math.max(asked, delay), maxDelay), undefined, { signal }).catch((cause: unknown) => {
    throw new MillinerError('INTERRUPTED', 'the download was stopped', { cause });
  });
}

function exhausted(urls: readonly string[], reasons: { url: string; error: AttemptError }[]): MillinerError {
  const isRefused = ({ error }: { error: AttemptError }) => error.cause instanceof AddressRefused;
  const reported = reasons.find(({ error }) => error.mismatch) ?? reasons.find(isRefused) ?? reasons.at(-1);
  const code = reported?.error.mismatch
    ? 'DIGEST_MISMATCH'
    : reported && isRefused(reported)
      ? 'ADDRESS_REFUSED'
      : 'REPO_UNAVAILABLE';
  const shown = urls.map(showUrl);
  const message = reported
    ? `${showUrl(reported.url)}: ${reported.error.message}`
    : 'there is no URL to fetch from';
  return new MillinerError(code, message, {
    cause: reported?.error,
    details: { urls: shown, reasons: reasons.slice(-10).map((r) => `${showUrl(r.url)}: ${r.error.message}`) },
  });
}

function originOf(url: string): string {
  return URL.canParse(url) ? new URL(url).origin : url;
}

function failuresOf(url: string): number {
  return failures.get(originOf(url)) ?? 0;
}
