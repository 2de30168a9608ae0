/** How a run ends, for scripts. */

/** Exit codes by kind of failure; 2 is oclif's for wrong usage. */
export const exitCodes = {
  internal: 1,
  usage: 2,
  input: 3,
  repository: 4,
  solve: 5,
  trust: 6,
  install: 7,
  host: 8,
  storage: 9,
  reproducibility: 10,
  boot: 11,
  registry: 12,
  unsigned: 13,
  wrongKey: 14,
  altered: 15,
  unbooted: 16,
  queue: 17,
  release: 18,
  otherReference: 19,
  github: 20,
  interrupted: 130,
} as const;

export type ExitKind = keyof typeof exitCodes;
