/** What the variants of images are made of: small programs in bash on demo-base, run by systemd or as the entrypoint. */
import type { z } from 'zod';
import type { CauseCode } from '../../../src/stages/boot/verdict.ts';
import type { recipeSchema } from '../../../src/stages/recipe/schema.ts';

type Recipe = z.input<typeof recipeSchema>;
type Test = NonNullable<Recipe['test']>;

export interface Variant {
  name: string;
  /** All but the name and the base. */
  recipe: Omit<Recipe, 'name' | 'from'>;
}

/** A broken one. */
export interface BrokenVariant extends Variant {
  /** The one cause that its verdict gives. */
  cause: CauseCode;
}

interface Pieces {
  /** Lines of the program /usr/local/bin/app. */
  script: string[];
  /** Further programs in /usr/local/bin. */
  programs?: Record<string, string[]>;
  test?: Test;
  files?: Recipe['files'];
}

interface BootedPieces extends Pieces {
  /** Lines of app.service's section [Service]; ExecStart is the program. */
  service?: string[];
  /** Lines of its section [Unit]. */
  unit?: string[];
  /** Other units, whole; enabled too. */
  units?: Record<string, string[]>;
  config?: Recipe['config'];
}

const install = ['[Install]', 'WantedBy=multi-user.target'];

/** systemd runs the program as app.service, which is what the image is ready with unless the test says otherwise. */
export function booted({ script, programs, units = {}, ...rest }: BootedPieces): Variant['recipe'] {
  const section = ['ExecStart=/usr/local/bin/app', ...(rest.service ?? ['Type=exec'])];
  const app = ['[Unit]', ...(rest.unit ?? []), ...service(...section)];
  const all = { 'app.service': app, ...units };
  const unitFiles = Object.entries(all).map(([name, lines]) => ({
    path: `/etc/systemd/system/${name}`,
    content: text(lines),
  }));
  // A template has no instance to enable.
  const enable = Object.keys(all).filter((name) => !name.includes('@'));
  return {
    files: [...programFiles({ app: script, ...programs }), ...unitFiles, ...(rest.files ?? [])],
    services: { enable },
    ...(rest.config && { config: rest.config }),
    test: { settle: '1s', ...rest.test, ready: { unit: 'app.service', timeout: '20s', ...rest.test?.ready } },
  };
}

/** Another unit for `units`, of a program in /usr/local/bin or elsewhere. */
export function service(...lines: string[]): string[] {
  return ['[Service]', ...lines, ...install];
}

/** The program is the image's entrypoint, alone, as the first process. */
export function plain({
  script,
  programs,
  files,
  test,
  config,
}: Pieces & Pick<Recipe, 'config'>): Variant['recipe'] {
  return {
    files: [...programFiles({ app: script, ...programs }), ...(files ?? [])],
    // The base's own is systemd's.
    config: { entrypoint: ['/usr/local/bin/app'], stopSignal: 'SIGTERM', ...config },
    test: { settle: '1s', ...test, ready: { timeout: '20s', ...test?.ready } },
  };
}

function programFiles(programs: Record<string, string[]>) {
  return Object.entries(programs).map(([name, lines]) => ({
    path: `/usr/local/bin/${name}`,
    content: text(['#!/bin/bash', ...lines]),
    mode: '0755',
  }));
}

const text = (lines: string[]) => `${lines.join('\n')}\n`;

/** The kernel drops signals that the first process of a namespace has no handler for. */
export const endsWhenAsked = 'trap "exit 0" TERM';
export const runsUntilAsked = [endsWhenAsked, 'sleep infinity & wait'];

/** Listens, and hands each connection to a program as its stdin and stdout. */
export function listens(port: number, program: string): string {
  return `systemd-socket-activate --listen=0.0.0.0:${port} --accept --inetd ${program}`;
}

/** A program that reads one HTTP request and answers it. */
export function answers(status: string): string[] {
  return [
    String.raw`while read -r line && [ "${'${line%$'}'\r'}" ]; do :; done`,
    String.raw`printf 'HTTP/1.1 ${status}\r\nContent-Length: 3\r\nConnection: close\r\n\r\nok\n'`,
  ];
}
