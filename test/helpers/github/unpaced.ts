/** Octokit without its pace: a second is a millisecond, and writes do not wait for each other. */
const group = {
  key: () => ({
    schedule: (_options: object, work: (...words: unknown[]) => Promise<unknown>, ...words: unknown[]) =>
      work(...words),
  }),
};

export const unpaced = {
  throttle: { retryAfterBaseValue: 1, write: group, notifications: group },
  retry: { retryAfterBaseValue: 1 },
};
