/** What a boot has left to see, as plain data: for people, and to compare a boot with an earlier one. */
import type { ComparedKind } from '../recipe/schema.ts';

/** systemd.journal-fields(7), PRIORITY=: by their numbers. */
export const priorities = ['emerg', 'alert', 'crit', 'err', 'warning'] as const;
export type JournalCounts = Record<(typeof priorities)[number], number>;

export interface JournalEntry {
  unit: string;
  message: string;
}

export const portProtocols = ['tcp', 'udp'] as const;

/** A socket in the network of the instance that others can connect or send to. */
export interface ListeningPort {
  protocol: (typeof portProtocols)[number];
  /** `0.0.0.0`, `::`, or one address. */
  address: string;
  port: number;
}

/** Seconds since the first process of systemd has begun; absent for what has not happened. */
export interface UnitTimes {
  unit: string;
  /** ActiveState: active, failed and others. */
  state: string;
  start: number;
  active?: number;
  stop?: number;
  end?: number;
}

/** In the order of a boot; those that an instance does not have are absent. */
export const stageNames = ['firmware', 'loader', 'kernel', 'initrd', 'userspace'] as const;

export interface BootStage {
  stage: (typeof stageNames)[number];
  seconds: number;
}

/** What an instance has used of its limits and its host; what the kernel does not count is absent. */
export interface ResourceUse {
  cpuSeconds?: number;
  /** Processes and threads at once. */
  processes?: number;
  readBytes?: number;
  writtenBytes?: number;
  /** Bytes that it has written to its tree. */
  diskBytes?: number;
}

/** A file that gives its caller rights. */
export interface PrivilegedFile {
  path: string;
  /** Octal, with the bits setuid and setgid. */
  mode: string;
  /** cap_from_text(3). */
  capabilities?: string;
}

export interface Change {
  kind: ComparedKind;
  /** What a recipe accepts it by: `tcp 8080`, `/usr/bin/su`, `app.service`, `memory`, `time`, `err`. */
  subject: string;
  message: string;
  /** Whether the recipe refuses it. */
  fatal: boolean;
}

/** What became worse since the last good boot of the recipe, of another image. */
export interface Comparison {
  with: { manifestDigest: string; finished: string; backend: string };
  changes: Change[];
}

/** Of the last boots of a recipe in one state, this one included. */
export interface BootCounts {
  boots: number;
  failed: number;
  /** Those that passed after the same image had failed. */
  flaky: number;
}

/** Bounds of the lists: a verdict is signed, and the image may be hostile. */
export const maxPorts = 1000;
export const maxUnitTimes = 1000;
export const maxPrivilegedFiles = 1000;
export const maxChanges = 200;
