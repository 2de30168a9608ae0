/** The program that tries the attacks of one place, each in a process of its own, and says what came of each. */
import { statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { run } from '../../../../src/lib/host/exec.ts';
import { attacksFrom, type Attack, type Place } from './attacks.ts';

export interface HostTargets {
  /** A file that only the host has; a process, a port of loopback, an abstract socket. */
  secret: string;
  pid: number;
  port: number;
  socket: string;
}

const places: Place[] = ['scriptlet', 'instance', 'exec'];

const functionOf = ({ name, c }: Attack) => `static long ${idOf(name)}(void) { ${c} }`;
const idOf = (name: string) => `try_${name.replaceAll('-', '_')}`;
const tableOf = (place: Place) =>
  `  if (!strcmp(place, "${place}")) {\n${attacksFrom(place)
    .map(({ name }) => `    attempt("${name}", ${idOf(name)});`)
    .join('\n')}\n  }`;

const source = (): string => {
  const all = new Map(places.flatMap(attacksFrom).map((one) => [one.name, one]));
  return `#include "prelude.h"
${[...all.values()].map(functionOf).join('\n')}

/* Several on a line: of an instance's log the last hundred lines are kept. */
static void say(const char *name, const char *what) {
  static int said;
  printf("attack %s %s%c", name, what, ++said % 4 ? ' ' : '\\n');
  fflush(stdout);
}

static void attempt(const char *name, long (*try)(void)) {
  int answer[2];
  char what[32] = "";
  pipe2(answer, O_CLOEXEC);
  pid_t child = fork();
  if (child == 0) {
    alarm(5);
    errno = 0;
    long result = try();
    const char *word = result < 0 ? strerrorname_np(errno) : "ok";
    write(answer[1], word, strlen(word));
    _exit(0);
  }
  int status;
  waitpid(child, &status, 0);
  close(answer[1]);
  read(answer[0], what, sizeof what - 1);
  close(answer[0]);
  if (WIFSIGNALED(status)) snprintf(what, sizeof what, "signal-%d", WTERMSIG(status));
  say(name, what);
}

static void end(int signal) { (void)signal; _exit(0); }

int main(int count, char **words) {
  const char *place = count > 1 ? words[1] : "scriptlet";
${places.map(tableOf).join('\n')}
  printf("\\nattacks over\\n");
  fflush(stdout);
  if (strcmp(place, "instance")) return 0;
  signal(SIGTERM, end);
  for (;;) pause();
}
`;
};

/** Compiles it into a directory; gives its path. */
export async function compileAttacks(directory: string, host: HostTargets): Promise<string> {
  const { dev } = statSync('/');
  const disk = `makedev(${(dev >> 8) & 0xfff}, ${(dev & 0xff) | ((dev >> 12) & 0xfff00)})`;
  const defines = [
    `-DSECRET="${host.secret}"`,
    `-DHOST_SOCKET="${host.socket}"`,
    `-DHOST_PID=${host.pid}`,
    `-DHOST_PORT=${host.port}`,
    `-DDISK=${disk}`,
  ];
  const path = join(directory, 'attack.c');
  await writeFile(path, source());
  const program = join(directory, 'attack');
  const flags = [
    '-static',
    '-Wall',
    '-Werror',
    '-Wno-unused-result',
    '-Os',
    '-s',
    `-I${import.meta.dirname}`,
  ];
  await run('gcc', [...flags, ...defines, '-o', program, path]);
  return program;
}
