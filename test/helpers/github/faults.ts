/** How the stand-in fails when a test asks for it. */

export interface Fault {
  /** Which requests: METHOD and the begin of the path below the repository, such as `POST /pulls`; all without it. */
  on?: string;
  /** How often; default: once. */
  times?: number;
  /** Requests that fit and are answered well before the first fault. */
  after?: number;
  status?: number;
  headers?: Record<string, string>;
  message?: string;
  /** The connection ends before the answer, or after the request was carried out. */
  cut?: 'before' | 'after';
  /** The answer says the token that it was sent. */
  echo?: boolean;
  /** Any text in place of the answer. */
  text?: string;
  /** Installation tokens made so far count no more. */
  expireTokens?: boolean;
}

/** GitHub's refusals for too many requests, and those of proxies before it. */
const inSeconds = (seconds: number) => String(Math.ceil(Date.now() / 1000) + seconds);
export const limits = {
  primary: (seconds: number): Fault => ({
    status: 403,
    message: 'API rate limit exceeded for installation ID 1.',
    headers: { 'x-ratelimit-remaining': '0', 'x-ratelimit-reset': inSeconds(seconds) },
  }),
  secondary: (seconds: number): Fault => ({
    status: 403,
    message: 'You have exceeded a secondary rate limit. Please wait a few minutes before you try again.',
    headers: { 'retry-after': String(seconds) },
  }),
  seconds: (seconds: number): Fault => ({ status: 429, headers: { 'retry-after': String(seconds) } }),
  date: (seconds: number): Fault => ({
    status: 429,
    headers: { 'retry-after': new Date(Date.now() + seconds * 1000).toUTCString() },
  }),
  absent: (): Fault => ({ status: 429 }),
};

export class Faults {
  #faults: Required<Pick<Fault, 'times' | 'after'>>[] & Fault[] = [];

  add(fault: Fault): void {
    this.#faults.push({ ...fault, times: fault.times ?? 1, after: fault.after ?? 0 });
  }

  clear(): void {
    this.#faults = [];
  }

  /** The fault of this request, which is then one less. */
  take(method: string, path: string): Fault | undefined {
    for (const fault of this.#faults) {
      const [verb, prefix = ''] = (fault.on ?? '').split(' ');
      if (fault.on !== undefined && (verb !== method || !path.startsWith(prefix))) continue;
      if (fault.after > 0) {
        fault.after -= 1;
        continue;
      }
      if (fault.times <= 0) continue;
      fault.times -= 1;
      return fault;
    }
    return undefined;
  }
}
