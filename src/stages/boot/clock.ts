/** Milliseconds of CLOCK_MONOTONIC, which systemd's timestamps use too; changes of the date do not affect it. */
export function monotonic(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
