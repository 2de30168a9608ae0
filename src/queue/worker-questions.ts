/** What the process of a job requests from its worker: leases to publish, and the password of the private key. */
import { errorFrom } from '../lib/errors/wire.ts';
import { millisecondsTo, type Answer, type Deadline, type Question } from './messages.ts';

/** Over all jobs of the process, so that no two questions have the same number. */
let lastNumber = 0;

export class WorkerQuestions {
  readonly #tell: (question: Question) => Promise<void>;
  readonly #signal: AbortSignal;
  readonly #open = new Map<number, (answer: Answer) => void>();
  #leaseEnd: Deadline = { monotonic: 0, wall: 0 };

  constructor(tell: (question: Question) => Promise<void>, signal: AbortSignal) {
    this.#tell = tell;
    this.#signal = signal;
  }

  onAnswer(answer: Answer): void {
    this.#open.get(answer.to)?.(answer);
  }

  /**
   * Returns a signal that aborts when the lease ends. A new lease is requested from the worker, which requests it from
   * the queue, unless the current one still lasts. It is counted from the time of the request, so that a pause of this
   * process does not lengthen it. A worker that is itself stopped does not answer, and nothing is published.
   */
  readonly acquireLease = async (): Promise<AbortSignal> => {
    while (millisecondsTo(this.#leaseEnd) <= 0) {
      const answer = await this.#ask('lease');
      const lease = 'lease' in answer ? answer.lease : { until: this.#leaseEnd };
      if ('refused' in lease) throw errorFrom(lease.refused);
      this.#leaseEnd = lease.until;
    }
    return AbortSignal.timeout(Math.max(0, millisecondsTo(this.#leaseEnd)));
  };

  readonly requestPassword = async (): Promise<string | undefined> => {
    const answer = await this.#ask('password');
    return 'password' in answer ? answer.password : undefined;
  };

  async #ask(ask: Question['ask']): Promise<Answer> {
    this.#signal.throwIfAborted();
    const { promise, resolve, reject } = Promise.withResolvers<Answer>();
    const onStop = () => reject(this.#signal.reason as Error);
    this.#signal.addEventListener('abort', onStop, { once: true });
    const number = ++lastNumber;
    this.#open.set(number, resolve);
    try {
      await this.#tell({ ask, number });
      return await promise;
    } finally {
      this.#open.delete(number);
      this.#signal.removeEventListener('abort', onStop);
    }
  }
}
