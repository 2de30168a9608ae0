/**
 * Text of others before a terminal sees it: packages, registries, instances and users of the queue give names and
 * words that could hide an error, or fake one. Every command's output goes through here, also into pipes: what is
 * piped is mostly seen at a terminal in the end. Only a program that exec runs at a terminal has it for itself.
 */
import { Transform } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';

/** Control characters (C0 but for tabs and the ends of lines, DEL, C1), and what reorders or breaks lines unseen. */
const controlCharacters = /(?![\n\t])\p{Cc}|\p{Bidi_Control}|[\u2028\u2029]/gu;

export function printable(text: string): string {
  return text.replaceAll(controlCharacters, '\uFFFD');
}

/** The same for JSON, where strings have an escape for each: the value stays what it is. */
export function printableJson(json: string): string {
  return json.replaceAll(controlCharacters, (character) => {
    return `\\u${character.codePointAt(0)!.toString(16).padStart(4, '0')}`;
  });
}

/** The same for a program's output, in whatever pieces it comes. */
export function printableStream(): Transform {
  const decoder = new StringDecoder('utf8');
  return new Transform({
    transform: (chunk: Buffer, _encoding, done) => done(null, printable(decoder.write(chunk))),
    flush: (done) => done(null, printable(decoder.end())),
  });
}
