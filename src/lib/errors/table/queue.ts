/** Errors of the queue, its machines, and the releases in it. */
import type { Rows } from './row.ts';

export const queue = {
  QUEUE_UNAVAILABLE: {
    summary: 'the Redis of the queue does not answer, or cannot be started',
    hint: 'Check MILLINER_REDIS, and that its server runs. If MILLINER_REDIS is not set, see queue/redis.log in the state directory.',
  },
  QUEUE_DENIED: {
    summary: 'the Redis of the queue refuses this user',
    hint: 'Set MILLINER_REDIS with a user and password that it knows. The user needs all commands on the keys milliner:* (or those of MILLINER_REDIS_PREFIX).',
  },
  QUEUE_FULL: {
    summary: 'the Redis of the queue stores nothing more: it has reached its maxmemory, or its disk is full',
    hint: 'Give it more memory (CONFIG SET maxmemory), or remove finished releases with milliner queue clean.',
    retryable: true,
  },
  QUEUE_UNSAFE: {
    summary: 'the Redis of the queue may lose jobs, or is too old to keep them',
    hint: 'Use a Redis 6.2 or later that is the primary, not in cluster mode, with maxmemory-policy noeviction.',
  },
  JOB_LOST: {
    summary: 'a worker was away for too long, and another took its job: the first may publish nothing more',
    hint: 'Do nothing: the other worker continues. If it happens again, find out what delays the named worker.',
    retryable: true,
  },
  QUEUE_FORGED: {
    summary:
      'the queue holds something that no enrolled machine sealed, or that its seal does not cover: someone else, or another version of Milliner, wrote to its Redis',
    hint: 'Find out who can write to the Redis, then release again. To make a Redis user for each kind of machine, run milliner queue users.',
  },
  MACHINE_UNKNOWN: {
    summary: 'a machine that is not enrolled here, or not for this, put something into the queue',
    hint: 'If it is your machine, run milliner machine show there and milliner machine enroll TOKEN --for RIGHT here. Then run milliner queue retry RELEASE.',
  },
  EXCHANGE_INVALID: {
    summary:
      'another machine left something in the exchange that is malformed, or larger than what Milliner leaves there',
    hint: 'Find the machine that built it with milliner queue status RELEASE, and check that its Milliner has the same version. Then release again.',
  },
  NIGHT_NOT_DUE: {
    summary:
      'the queue asks for a night before its schedule does, or for a run that has ended here; it was not started',
    hint: 'Check milliner schedule list. If it happens again, find out who can write to the Redis. For a night now, run milliner schedule run NAME.',
  },
  WORKER_DIED: {
    summary: 'the process of a job was killed, or its worker was killed repeatedly',
    hint: 'Find out what kills it (journalctl -k reports a lack of memory), then run milliner queue retry RELEASE.',
    retryable: true,
  },
} satisfies Rows;

export const release = {
  RELEASE_FAILED: {
    summary: 'the release failed or was cancelled; its causes are in details.releases',
    hint: 'Read its log with milliner queue status RELEASE. Fix the cause, then run milliner queue retry RELEASE.',
  },
  NIGHT_FAILED: {
    summary:
      'images of the night were not built or published: their tags stay where they were, and the others were published; the report is in details.report',
    hint: 'Read the causes in the report, and the logs with milliner queue status RELEASE. The next night tries again, or run milliner nightly again.',
  },
  RELEASE_LOST: {
    summary:
      'the release left the queue while the command waited for it: its Redis came back without it, or someone removed it',
    hint: 'Look at the tags to see how far it got, then release again. Have the Redis keep what it acknowledges (appendonly).',
  },
  RELEASE_CANCELLED: {
    summary: 'the release was cancelled with milliner queue cancel',
    hint: 'Continue it with milliner queue retry RELEASE.',
  },
  RELEASE_SUPERSEDED: {
    summary: 'a release that was queued later has moved the same tags already',
    hint: 'Do nothing if the later release is the right one. To go back to this one, release it again.',
  },
  BASE_FAILED: {
    summary: 'the release did not begin, because the release of its base failed',
    hint: 'Fix the base and retry it first, then run milliner queue retry RELEASE.',
  },
} satisfies Rows;
