/** Durations and sizes, as a recipe writes them. */
const milliseconds = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 } as const;

/** Milliseconds of a valid duration, such as 60s. */
export function durationOf(text: string): number {
  const [, count, word] = /^(\d+)(ms|s|m|h)$/.exec(text)!;
  return Number(count) * milliseconds[word as keyof typeof milliseconds];
}

const sizes = { '': 1, K: 1024, M: 1024 ** 2, G: 1024 ** 3 } as const;

/** Bytes of a valid size, such as 512M. */
export function bytesOf(text: string): number {
  const [, count, word] = /^(\d+)([KMG]?)$/.exec(text)!;
  return Number(count) * sizes[word as keyof typeof sizes];
}
