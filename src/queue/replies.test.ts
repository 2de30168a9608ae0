import { expect, test } from 'vitest';
import { asQueueError, isOfReplica } from './replies.ts';

const told = (message: string) =>
  asQueueError(Object.assign(new Error(message), { name: 'ReplyError' }))?.code;

test.each([
  ["READONLY You can't write against a read only replica.", 'QUEUE_UNAVAILABLE'],
  [
    "READONLY You can't write against a read only replica. script: 1f, on @user_script:62.",
    'QUEUE_UNAVAILABLE',
  ],
  // Redis 6.2
  [
    "ERR Error running script (call to f_1f): @user_script:62: @user_script: 62: -READONLY You can't write",
    'QUEUE_UNAVAILABLE',
  ],
  [
    'ERR Error running script (call to f_1f): @user_script:9: @user_script: 9: -OOM command not allowed',
    'QUEUE_FULL',
  ],
  ["OOM command not allowed when used memory > 'maxmemory'.", 'QUEUE_FULL'],
  ['MISCONF Redis is configured to save RDB snapshots', 'QUEUE_FULL'],
  [
    'ERR Error running script (call to f_1f): @user_script:3: WRONGTYPE Operation against a key',
    'QUEUE_UNSAFE',
  ],
  ["NOPERM this user has no permissions to run the 'evalsha' command", 'QUEUE_DENIED'],
  ['ERR syntax error', undefined],
])('%s', (message, code) => {
  expect(told(message)).toBe(code);
  expect(isOfReplica(new Error(message))).toBe(message.includes('READONLY'));
});
