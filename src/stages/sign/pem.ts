/** RFC 7468: a block of base64 between lines that name its type. */
import { MillinerError } from '../../lib/errors/error.ts';
import type { Refuse } from './untrusted-json.ts';

export interface PemBlock {
  type: string;
  content: Buffer;
}

const maxFileBytes = 65_536;

export function armour({ type, content }: PemBlock): string {
  const lines = content.toString('base64').match(/.{1,64}/g) ?? [];
  return `-----BEGIN ${type}-----\n${lines.join('\n')}\n-----END ${type}-----\n`;
}

/**
 * The only block; undefined if none is complete, or if there are several, because it would be unclear which is meant.
 */
export function readArmour(pem: string): PemBlock | undefined {
  if (pem.length > maxFileBytes || countOf(pem) > 1) return undefined;
  const found = /^-----BEGIN ([A-Z0-9 ]+)-----$([^-]*)^-----END \1-----$/m.exec(pem.replaceAll('\r\n', '\n'));
  return found ? { type: found[1]!, content: Buffer.from(found[2]!, 'base64') } : undefined;
}

/** Why a text is not the expected block: the type that it is instead, or that its end is missing. */
export function describeOtherPem(pem: string): string {
  if (countOf(pem) > 1) return ': it holds several blocks';
  const block = readArmour(pem);
  if (block) return `, but ${block.type}`;
  const begun = /^-----BEGIN ([A-Z0-9 ]+)-----\r?$/m.exec(pem.slice(0, maxFileBytes))?.[1];
  return begun ? `: its ${begun} is cut short` : '';
}

function countOf(pem: string): number {
  return pem.match(/^-----BEGIN /gm)?.length ?? 0;
}

export function refuseKey(name: string): Refuse {
  return (what) => new MillinerError('KEY_FILE_INVALID', `${name} ${what}`);
}
