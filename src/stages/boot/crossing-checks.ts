/** Checks that one service of a stack makes of another, over the network between them. */
import { open } from 'node:fs/promises';
import type { CrossingCheck } from '../recipe/stack-schema.ts';
import { attemptExec, repeatCheck } from './checks.ts';
import type { Instance } from './instance.ts';
import type { Membership } from './membership.ts';
import { dialIn, InstanceNetwork } from './network.ts';
import type { CrossingResult } from './stack-verdict.ts';

/** An instance of a service. */
export interface Peer {
  number: number;
  instance: Instance;
  membership: Membership;
}

export interface TimedCrossing {
  name: string;
  check: CrossingCheck;
  /** Of a check that is no program: whom it connects to. */
  target: { service: string; port: number } | undefined;
  /** Milliseconds. */
  timeout: number;
  interval: number;
}

/** Each from every instance of its service, all at once; a service is reached if one of its instances is. */
export async function runCrossingChecks(
  peers: ReadonlyMap<string, readonly Peer[]>,
  checks: readonly TimedCrossing[],
  signal: AbortSignal,
): Promise<CrossingResult[]> {
  const runs = checks.flatMap((timed) =>
    (peers.get(timed.check.from) ?? []).map((peer) => ({ timed, peer })),
  );
  return Promise.all(
    runs.map(async ({ timed, peer }) => {
      const { name, check, timeout, interval, target } = timed;
      const to = target ? (peers.get(target.service) ?? []) : [];
      const repeated = { name, number: peer.number, timeout, interval, signal };
      const result = await repeatCheck(repeated, (remaining) =>
        attempt(peer, check, { to, port: target?.port ?? 0, timeout: remaining, signal }),
      );
      return { ...result, from: check.from };
    }),
  );
}

async function attempt(
  { instance, membership }: Peer,
  check: CrossingCheck,
  { to, port, timeout, signal }: { to: readonly Peer[]; port: number; timeout: number; signal: AbortSignal },
): Promise<string | undefined> {
  if ('exec' in check) return attemptExec(instance, check.exec, { timeout, signal });
  // From inside the service's own network, as its programs would connect.
  const space = instance.dial ? undefined : await open(membership.space.network, 'r');
  const dial = instance.dial ?? dialIn(space!);
  try {
    const ways = to.flatMap((one) => one.membership.addresses.map((address) => ({ dial, address })));
    const network = new InstanceNetwork({ checked: ways, published: [] });
    return 'tcp' in check
      ? await network.tcp(port, timeout)
      : await network.http(check.http, check.status, timeout);
  } finally {
    await space?.close();
  }
}
