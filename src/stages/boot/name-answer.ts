/** The answer to one DNS query (RFC 1035). */
import { isIPv4 } from 'node:net';
import {
  AUTHORITATIVE_ANSWER,
  decode,
  encode,
  RECURSION_DESIRED,
  TRUNCATED_RESPONSE,
  type Packet,
  type StringAnswer,
} from 'dns-packet';

/** The addresses of a name in lower case; undefined if it does not exist. */
export type Lookup = (name: string) => Promise<readonly string[] | undefined>;

/** Bytes: a name has 255 at most. */
export const maxQuery = 512;
/** Bytes of a datagram that every client takes. */
const maxDatagram = 512;
/** Seconds: a member may leave and come again with another address. */
const timeToLive = 1;

/** Response codes. */
const NXDOMAIN = 3;
const NOTIMP = 4;

/** Undefined for what is no query. */
export async function answerTo(
  message: Buffer,
  over: 'udp' | 'tcp',
  lookup: Lookup,
): Promise<Buffer | undefined> {
  if (message.length > maxQuery) return undefined;
  try {
    const query = decode(message);
    if (query.type !== 'query' || query.questions?.length !== 1) return undefined;
    const response = await responseTo(query, lookup);
    const answer = encode(response);
    if (over === 'tcp' || answer.length <= maxDatagram) return answer;
    return encode({ ...response, answers: [], flags: TRUNCATED_RESPONSE | AUTHORITATIVE_ANSWER });
  } catch {
    // Whatever cannot be read, or whose name cannot be written again.
    return undefined;
  }
}

const operationBits = 0x7800;

async function responseTo({ id, flags = 0, questions = [] }: Packet, lookup: Lookup): Promise<Packet> {
  const [question] = questions;
  const kept = flags & RECURSION_DESIRED;
  const response = (code: number, answers: StringAnswer[] = []): Packet => ({
    type: 'response',
    ...(id !== undefined && { id }),
    flags: kept | AUTHORITATIVE_ANSWER | code,
    questions,
    answers,
  });
  if ((flags & operationBits) !== 0 || question?.class !== 'IN') return response(NOTIMP);
  const { name, type } = question;
  const addresses = await lookup(name.toLowerCase().replace(/\.$/, ''));
  if (!addresses) return response(NXDOMAIN);
  if (type !== 'A' && type !== 'AAAA') return response(0);
  const fit = addresses.filter((address) => isIPv4(address) === (type === 'A'));
  return response(
    0,
    fit.map((data) => ({ name, type, ttl: timeToLive, class: 'IN', data })),
  );
}
