/**
 * Claims that machines pass through the queue: JSON in a DSSE envelope (https://github.com/secure-systems-lab/dsse),
 * signed by the machine that makes it. The queue itself is not trusted.
 */
import { createHash, sign, verify } from 'node:crypto';
import { dsse } from '@sigstore/core';
import { z } from 'zod';
import { MillinerError } from '../lib/errors/error.ts';
import type { Digest } from '../lib/oci/digest.ts';
import {
  enrolledMachines,
  ownMachine,
  readPublic,
  type Machine,
  type OwnMachine,
  type Right,
} from './machine.ts';

/** Bytes in base64. The longest claims are requests with many references. */
const maxPayloadLength = 1 << 20;

export const sealedSchema = z.strictObject({
  payloadType: z.string().max(100),
  payload: z.base64().max(maxPayloadLength),
  signatures: z.array(z.strictObject({ keyid: z.string().max(64), sig: z.base64().max(200) })).length(1),
});
export type Sealed = z.infer<typeof sealedSchema>;

/** A kind of claim: its content, and the right that a machine needs to make it. */
export interface Claim<T> {
  name: string;
  right: Right;
  schema: z.ZodType<T>;
}

export interface Opened<T> {
  body: T;
  by: Machine;
  /** Digest of the payload, which identifies the claim. */
  digest: Digest;
}

/**
 * The machines whose claims are accepted here, this one included. The list is read for each claim, so that a dismissed
 * machine is refused at once.
 */
export class Machines {
  readonly #state: string;

  constructor(state: string) {
    this.#state = state;
  }

  async seal<T>(claim: Claim<T>, body: T): Promise<Sealed> {
    const { machine, privateKey } = await this.own();
    const payload = Buffer.from(JSON.stringify(claim.schema.parse(body)));
    const payloadType = typeOf(claim);
    const sig = sign(undefined, dsse.preAuthEncoding(payloadType, payload), privateKey).toString('base64');
    return { payloadType, payload: payload.toString('base64'), signatures: [{ keyid: machine.id, sig }] };
  }

  /**
   * Throws QUEUE_FORGED for a missing or wrong seal, MACHINE_UNKNOWN for a machine without the right, RELEASE_FAILED
   * for another version's claim.
   */
  async open<T>(claim: Claim<T>, sealed: unknown): Promise<Opened<T>> {
    const { payloadType, payload, signatures } = envelopeOf(claim, sealed);
    const { keyid, sig } = signatures[0]!;
    const by = await this.#machine(keyid);
    const content = Buffer.from(payload, 'base64');
    const key = by && readPublic(by.publicKey);
    if (!by || !key) throw unknown(claim, keyid, 'is not enrolled here');
    if (!verify(undefined, dsse.preAuthEncoding(payloadType, content), key, Buffer.from(sig, 'base64'))) {
      throw forged(claim, `its signature is not that of machine ${by.name}`);
    }
    if (!by.rights.includes(claim.right)) throw unknown(claim, keyid, `may not ${claim.right}`, by.name);
    return { body: bodyOf(claim, content), by, digest: digestOf(content) };
  }

  own(): Promise<OwnMachine> {
    return ownMachine(this.#state);
  }

  async #machine(id: string): Promise<Machine | undefined> {
    const { machine } = await this.own();
    return machine.id === id ? machine : (await enrolledMachines(this.#state)).find((one) => one.id === id);
  }
}

/**
 * Reads a claim without verifying its seal: to show it, and for steps that can do no harm. Throws QUEUE_FORGED,
 * RELEASE_FAILED.
 */
export function peek<T>(claim: Claim<T>, sealed: unknown): { body: T; digest: Digest } {
  const content = Buffer.from(envelopeOf(claim, sealed).payload, 'base64');
  return { body: bodyOf(claim, content), digest: digestOf(content) };
}

const typeOf = ({ name }: { name: string }) => `application/vnd.milliner.${name}.v1+json`;

function envelopeOf(claim: { name: string }, sealed: unknown): Sealed {
  const parsed = sealedSchema.safeParse(sealed);
  if (!parsed.success) throw forged(claim, 'no machine has sealed it');
  if (parsed.data.payloadType !== typeOf(claim)) {
    throw forged(claim, `it is sealed as ${parsed.data.payloadType}`);
  }
  return parsed.data;
}

function bodyOf<T>({ name, schema }: Claim<T>, content: Buffer): T {
  const parsed = schema.safeParse(jsonOf(content));
  if (parsed.success) return parsed.data;
  const { path, message } = parsed.error.issues[0]!;
  throw new MillinerError(
    'RELEASE_FAILED',
    `this version does not know such a ${name}: ${path.join('.')}: ${message}`,
    {
      hint: 'Another version of Milliner has queued it. Release it again with this one.',
    },
  );
}

function jsonOf(content: Buffer): unknown {
  try {
    return JSON.parse(content.toString('utf8'));
  } catch {
    return undefined;
  }
}

function digestOf(content: Buffer): Digest {
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}

export function forged(claim: { name: string }, reason: string): MillinerError {
  return new MillinerError('QUEUE_FORGED', `the queue holds a ${claim.name} that is not trusted: ${reason}`, {
    details: { claim: claim.name },
  });
}

function unknown(claim: { name: string }, id: string, reason: string, name?: string): MillinerError {
  const who = name === undefined ? id : `${name} (${id})`;
  return new MillinerError('MACHINE_UNKNOWN', `a ${claim.name} is from machine ${who}, which ${reason}`, {
    details: { claim: claim.name, machine: id },
  });
}
