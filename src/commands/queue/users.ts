import { resolve } from 'node:path';
import { Args, Flags } from '@oclif/core';
import { MillinerCommand } from '../../cli/base-command.ts';
import { writeUsers } from '../../queue/users.ts';

export default class QueueUsersCommand extends MillinerCommand {
  static override summary =
    'Make the users of a shared Redis: one that submits, one that builds, one that signs';
  static override description = `Writes users.acl for Redis 7 (aclfile, or its lines in redis.conf; it holds no passwords) and submit.env, build.env and
sign.env, each with MILLINER_REDIS for the machines of that part: those that run release; worker --only build; and worker
--only sign, which moves releases on, and whose user retries and cleans. Their passwords are made here and stand nowhere
else. MILLINER_REDIS_PREFIX counts here as everywhere.`;
  static override examples = [
    '<%= config.bin %> queue users rediss://redis.example.com --out users',
    'MILLINER_REDIS_PREFIX=staging <%= config.bin %> queue users rediss://redis.example.com --out staging-users',
  ];
  static override args = {
    redis: Args.string({ required: true, description: 'the Redis as the machines reach it, without a user' }),
  };
  static override flags = {
    out: Flags.string({ summary: 'directory for the files', helpValue: 'DIR', required: true }),
  };

  async run(): Promise<object> {
    const { args, flags } = await this.parse(QueueUsersCommand);
    const files = await writeUsers(resolve(flags.out), args.redis);
    for (const path of [files.acl, ...Object.values(files.environments)]) this.log(path);
    return files;
  }
}
