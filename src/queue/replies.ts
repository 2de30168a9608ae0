/** What a Redis answers in place of doing what it was asked, as our own errors. */
import { MillinerError, type ErrorCode } from '../errors.ts';

const meanings: readonly [RegExp, ErrorCode, string][] = [
  [/^OOM /, 'QUEUE_FULL', 'has no memory left (maxmemory)'],
  [/^MISCONF /, 'QUEUE_FULL', 'cannot write to its disk'],
  [/^(?:CROSSSLOT|MOVED|ASK|CLUSTERDOWN)/, 'QUEUE_UNSAFE', 'is in cluster mode'],
  [/^(?:READONLY|MASTERDOWN)/, 'QUEUE_UNAVAILABLE', 'is a replica'],
  [/^(?:LOADING|BUSY|TRYAGAIN|NOREPLICAS|UNBLOCKED)\b/, 'QUEUE_UNAVAILABLE', 'is not ready'],
  [/^WRONGTYPE/, 'QUEUE_UNSAFE', "has another program's keys below MILLINER_REDIS_PREFIX"],
  [/^(?:NOAUTH|WRONGPASS|NOPERM|ERR (?:invalid password|Client sent AUTH))/, 'QUEUE_DENIED', 'refuses'],
];

/** Undefined for what is no such answer. */
export function asQueueError(error: unknown): MillinerError | undefined {
  if (!(error instanceof Error) || error.name !== 'ReplyError') return undefined;
  const { message } = causeOf(error);
  // A script's error begins with what the command in it was answered.
  const words = message.replace(/^ERR Error running script.*?: (?:@user_script:\s*\d+: )?/, '');
  const [, code, what] = meanings.find(([pattern]) => pattern.test(words)) ?? [];
  if (code === undefined) return undefined;
  return new MillinerError(code, `the queue's Redis ${what}: ${words.slice(0, 200)}`, { cause: error });
}

/** A transaction was refused for what one of its commands was. */
function causeOf(error: Error): Error {
  const { previousErrors: [first] = [] } = error as { previousErrors?: Error[] };
  return error.message.startsWith('EXECABORT') && first ? first : error;
}

/** Trouble of the Redis that may pass, in whatever error it comes; undefined for any other. */
export function queueTrouble(error: unknown): MillinerError | undefined {
  const known = error instanceof MillinerError ? error : asQueueError(error);
  return known?.code === 'QUEUE_FULL' || known?.code === 'QUEUE_UNAVAILABLE' ? known : undefined;
}
