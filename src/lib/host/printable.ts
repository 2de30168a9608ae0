/**
 * Makes untrusted text safe for a terminal. Names and messages of packages, registries, instances and queue users could
 * hide an error or fake one with control characters. The output of every command passes here, into pipes too, since
 * most of it is read at a terminal in the end. Only a program that `exec` runs at a terminal writes to it directly.
 */
import { Transform } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

/** Control characters (C0 without tab and line feed, DEL, C1), and characters that reorder text or break lines. */
const controlCharacters = /(?![\n\t])\p{Cc}|\p{Bidi_Control}|[\u2028\u2029]/gu;

export function printable(text: string): string {
  return text.replaceAll(controlCharacters, '\uFFFD');
}

/** For JSON: each such character becomes its escape, so that the value does not change. */
export function printableJson(json: string): string {
  return json.replaceAll(controlCharacters, (character) => {
    return `\\u${character.codePointAt(0)!.toString(16).padStart(4, '0')}`;
  });
}

/** For a program's output, in pieces of any size. */
export function printableStream(): Transform {
  const decoder = new StringDecoder('utf8');
  return new Transform({
    transform: (chunk: Buffer, _encoding, done) => done(null, printable(decoder.write(chunk))),
    flush: (done) => done(null, printable(decoder.end())),
  });
}
