/** A program that the agent runs in a machine. */
import type { Readable, Writable } from 'node:stream';
import { Arrivals, ChannelWritable } from './channel-streams.ts';
import { maxPayload, packed, pairs, type Frame } from './frames.ts';
import type { Link } from './link.ts';

/** Of a program that cannot be started, as of an OCI runtime's. */
const notStarted = 255;

export interface GuestProgram {
  stdin: Writable;
  stdout: Readable;
  stderr: Readable;
  /** Its exit code; undefined where the machine has ended before. */
  ended: Promise<number | undefined>;
  signal(number: number): void;
  /** Kills it, and takes no more of it. */
  close(): void;
}

/** Throws RangeError where the arguments are more than a frame holds. */
export function startGuestProgram(
  link: Link,
  args: readonly string[],
  env: readonly string[] = [],
): GuestProgram {
  const words = [...args.map((one) => ['arg', one] as const), ...env.map((one) => ['env', one] as const)];
  const program = pairs(words);
  if (program.length > maxPayload) throw new RangeError(`arguments of ${program.length} bytes`);
  return startInGuest(link, 'X', program);
}

/** The agent's own: what the kernel's tables of sockets say. */
export function startGuestTables(link: Link): GuestProgram {
  return startInGuest(link, 'L', Buffer.alloc(0));
}

function startInGuest(link: Link, type: string, program: Buffer): GuestProgram {
  const ended = Promise.withResolvers<number | undefined>();
  const channel = link.open((frame) => take(frame));
  const arrivals = new Arrivals(link, channel);
  const stdin = new ChannelWritable(link, channel);
  const take = ({ type: said, payload }: Frame) => {
    if (said === 'O' || said === 'R') arrivals.take(said, payload);
    if (said === 'E') arrivals.end(payload.toString('latin1') === 'O' ? 'O' : 'R');
    if (said === 'C') stdin.credit(payload.readUInt32LE());
    if (said === 'X') ended.resolve(payload.readUInt32LE());
    if (said === 'F') {
      arrivals.errors.arrive(Buffer.from(`${payload.toString('utf8')}\n`));
      arrivals.end('both');
      ended.resolve(notStarted);
    }
  };
  const close = () => {
    link.close(channel);
    arrivals.end('both');
    stdin.destroy();
    ended.resolve(undefined);
  };
  void link.closed.then(close);
  link.send(type, channel, program);
  return {
    stdin,
    stdout: arrivals.output,
    stderr: arrivals.errors,
    ended: ended.promise,
    signal: (number) => link.send('K', channel, packed(number)),
    close,
  };
}
