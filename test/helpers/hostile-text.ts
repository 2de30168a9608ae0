/** Text that means something to readers of Markdown, HTML, XML and terminals, and how GitHub's Markdown reads it. */
import fc from 'fast-check';
import { micromark } from 'micromark';
import { gfm, gfmHtml } from 'micromark-extension-gfm';
import { htmlPage, type Page } from './elements.ts';

/** GitHub's Markdown with HTML let through: what the escapes miss becomes an element. */
export function markdownPage(markdown: string): Page {
  const options = { extensions: [gfm()], htmlExtensions: [gfmHtml()], allowDangerousHtml: true };
  return htmlPage(`<!doctype html><title>x</title>${micromark(markdown, options)}`);
}

/** What means something in one of the formats. */
const marks = [
  String.raw`<script>alert(1)</script> </td> <!-- --> ]]> <![CDATA[ &lt; &amp; &#10; " ' | \| \ * ** _ ~~ ~~~ #1 ---`,
  String.raw`=== [x](http://a.b) ![x](y) [^1] <http://a.b> https://a.b www.a.b a@b.cd @root mailto:a@b.cd xmpp:a@b.cd`,
  String.raw`{{set}} {{{set}}} $x$ |---|---| :tada: GH-1`,
].flatMap((line) => line.split(' '));
const blanks = [
  '`',
  '```',
  '# ',
  '1. ',
  '1) ',
  '- ',
  '+ ',
  '> ',
  '[x]: y',
  '[ ] ',
  '| a | b |\n| --- | --- |',
];
const controls = [
  [
    '\n',
    '\n\n',
    '\r\n',
    '\r',
    '\t',
    '    ',
    '\0',
    '\u001B[2J',
    '\u0007',
    '\u007F',
    '\u009B',
    '\u202E',
    '\u2028',
  ],
  ['\uFFFE', '\uFFFF', '\uFDD0', '\uD800', '\uDC00', '\u{1FFFE}', '\u{1F3A9}', '\u00A0', '\u200B'],
].flat();
const pieces = [...marks, ...blanks, ...controls];

export const hostileText = fc
  .array(fc.oneof(fc.constantFrom(...pieces), fc.string({ unit: 'binary', maxLength: 8 })), { maxLength: 6 })
  .map((chosen) => chosen.join(''));
