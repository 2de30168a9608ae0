/** Processes that do one job after the other: which jobs share one, and what is left in it. */
import { open, readFile, readlink, readdir } from 'node:fs/promises';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { password, runsToItsEnd } from '../../helpers/publish-fixture.ts';
import { eventually, Workshop, type WorkerProcess } from './queue-fixture.ts';

let workshop: Workshop;
let worker: WorkerProcess;
let good: string;
let bad: string;
beforeAll(async () => {
  workshop = await Workshop.open();
  const { desk } = workshop.bench;
  good = await desk.tiny('good', ['tiny-base'], runsToItsEnd);
  bad = await desk.tiny('bad', ['tiny-base'], { ...runsToItsEnd, config: { cmd: ['/usr/bin/false'] } });
  worker = workshop.worker(['--jobs', '1', '--key', workshop.bench.key]);
});
afterAll(() => workshop.close());

/** Its end, whatever it is. */
async function release(recipe: string, tag: string): Promise<void> {
  const { server } = workshop.bench;
  const [id] = await workshop.queue([recipe], `${server.host}/pool/{{name}}:${tag}`);
  await eventually(async () => {
    const found = (await workshop.status()).releases.find((one) => one.release === id);
    return found && ['released', 'failed'].includes(found.state) ? found : undefined;
  });
}

/** Those that wait for a job. */
const waiting = () => worker.jobs();

test('a job that ended well gives its process to the next; what signed has ended with its job', async () => {
  await release(good, '1');
  const first = await waiting();
  // One has locked and built, another one has published.
  expect(first).toHaveLength(2);
  await release(good, '2');
  const second = await waiting();
  expect(second).toHaveLength(2);
  expect(second).toEqual(expect.arrayContaining(first.slice(0, 1)));
  for (const pid of second) expect(await holds(pid, password)).toBe(false);
  expect(await holds(worker.pid, password)).toBe(true);
});

test('nothing is signed again where nothing has changed: the password is not even requested', async () => {
  const before = await waiting();
  await release(good, '2');
  expect(new Set(await waiting())).toEqual(new Set(before));
});

test('a process that waits has no file, connection or child of its job, and is in no directory of it', async () => {
  for (const pid of await waiting()) {
    const targets: string[] = [];
    for (const fd of await readdir(`/proc/${pid}/fd`)) targets.push(await readlink(`/proc/${pid}/fd/${fd}`));
    expect(targets.filter((target) => target.startsWith('/') && target !== '/dev/null')).toEqual([]);
    // Its errors and the channel to its worker.
    expect(targets.filter((target) => target.startsWith('socket:')).length).toBeLessThanOrEqual(2);
    const mounts = await readFile(`/proc/${pid}/mounts`, 'utf8');
    expect(mounts).not.toContain(`${workshop.bench.desk.state}/work/`);
  }
});

test('a job that fails ends its process', async () => {
  const before = await waiting();
  await release(bad, '1');
  const after = await waiting();
  expect(after.length).toBeLessThan(before.length);
  expect(before).toEqual(expect.arrayContaining(after));
});

test('those that wait end with their worker, also when it is killed', async () => {
  await release(good, '3');
  const left = await waiting();
  expect(left).not.toEqual([]);
  worker.kill('SIGKILL');
  await worker.ended;
  await eventually(async () => {
    const lives = await Promise.all(left.map((pid) => readlink(`/proc/${pid}/exe`).catch(() => undefined)));
    return lives.every((one) => one === undefined) ? true : undefined;
  });
});

/** Whether the memory of a process has the text, in one byte or two for each character. */
async function holds(pid: number, text: string): Promise<boolean> {
  const wanted = [Buffer.from(text, 'latin1'), Buffer.from(text, 'utf16le')];
  const memory = await open(`/proc/${pid}/mem`);
  try {
    for (const line of (await readFile(`/proc/${pid}/maps`, 'utf8')).split('\n')) {
      const [, from, to, rights] = /^([0-9a-f]+)-([0-9a-f]+) (\S+)/.exec(line) ?? [];
      if (!rights?.startsWith('rw') || line.endsWith('[vvar]')) continue;
      const start = Number.parseInt(from!, 16);
      const buffer = Buffer.alloc(Number.parseInt(to!, 16) - start);
      const { bytesRead } = await memory
        .read(buffer, 0, buffer.length, start)
        .catch(() => ({ bytesRead: 0 }));
      const part = buffer.subarray(0, bytesRead);
      if (wanted.some((one) => part.includes(one))) return true;
    }
    return false;
  } finally {
    await memory.close();
  }
}
