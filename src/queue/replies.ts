/** Translates error replies of Redis into errors with a code. */
import { MillinerError, type ErrorCode } from '../lib/errors/error.ts';

const ofReplica = /^(?:READONLY|MASTERDOWN)/;
const meanings: readonly [RegExp, ErrorCode, string][] = [
  [/^OOM /, 'QUEUE_FULL', 'has no memory left (maxmemory)'],
  [/^MISCONF /, 'QUEUE_FULL', 'cannot write to its disk'],
  [/^(?:CROSSSLOT|MOVED|ASK|CLUSTERDOWN)/, 'QUEUE_UNSAFE', 'is in cluster mode'],
  [ofReplica, 'QUEUE_UNAVAILABLE', 'is a replica'],
  [/^(?:LOADING|BUSY|TRYAGAIN|NOREPLICAS|UNBLOCKED)\b/, 'QUEUE_UNAVAILABLE', 'is not ready'],
  [/^WRONGTYPE/, 'QUEUE_UNSAFE', "has another program's keys below MILLINER_REDIS_PREFIX"],
  [/^(?:NOAUTH|WRONGPASS|NOPERM|ERR (?:invalid password|Client sent AUTH))/, 'QUEUE_DENIED', 'refuses'],
];

/** Undefined for any other error. */
export function asQueueError(error: unknown): MillinerError | undefined {
  if (!(error instanceof Error) || error.name !== 'ReplyError') return undefined;
  const words = wordsOf(causeOf(error));
  const [, code, what] = meanings.find(([pattern]) => pattern.test(words)) ?? [];
  if (code === undefined) return undefined;
  return new MillinerError(code, `the queue's Redis ${what}: ${words.slice(0, 200)}`, { cause: error });
}

/** Whether a replica has refused the command. */
export const isOfReplica = (error: Error): boolean => ofReplica.test(wordsOf(error));

/**
 * The text of the reply, also of a command in a script. Redis 6.2: `ERR Error running script (call to f_HEX):
 * @user_script:62: @user_script: 62: -READONLY ...`; later versions begin with the reply itself.
 */
function wordsOf({ message }: Error): string {
  return message.replace(/^ERR Error running script.*?: (?:@user_script:\s*\d+: )*-?/, '');
}

/** A transaction fails with EXECABORT; the cause is the error of one of its commands. */
function causeOf(error: Error): Error {
  const { previousErrors: [first] = [] } = error as { previousErrors?: Error[] };
  return error.message.startsWith('EXECABORT') && first ? first : error;
}

/** Trouble of the Redis that may pass, as our error or ioredis's; undefined for any other error. */
export function queueTrouble(error: unknown): MillinerError | undefined {
  const known = error instanceof MillinerError ? error : asQueueError(error);
  return known?.code === 'QUEUE_FULL' || known?.code === 'QUEUE_UNAVAILABLE' ? known : undefined;
}
