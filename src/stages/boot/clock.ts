/** Milliseconds of CLOCK_MONOTONIC, which systemd's timestamps are given in too; no time zone or date moves it. */
export function monotonic(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
