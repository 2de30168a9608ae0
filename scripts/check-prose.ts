/** One sentence a line in Markdown, so that a change of one shows as the change of one line. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** A sentence's end, and the begin of another. */
const twoSentences = /[.!?][)"'`*]*\s+["'`(*[]*[A-Z]/;
const abbreviation = /\b(?:e\.g|i\.e|vs|cf|etc)\.\s/g;
const generated = /^docs\/(?:commands\/|errors\.md)/;
/** What is no sentence: headings, tables, rules, images and links on a line of their own, what is set in. */
const noProse = /^(?:#|\||-{3}|!?\[|<| {4}|$)/;
const listItem = /^\s*(?:[-*]|\d+\.)\s+/;

export function proseFaults(root: string, files: readonly string[]): string[] {
  return files
    .filter((file) => file.endsWith('.md') && !generated.test(file))
    .flatMap((file) => faultsOf(readFileSync(join(root, file), 'utf8')).map((fault) => `${file}:${fault}`));
}

function faultsOf(text: string): string[] {
  const faults: string[] = [];
  let isCode = false;
  let isOpen = false;
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trimStart().startsWith('```')) isCode = !isCode;
    const isProse = !isCode && !noProse.test(line) && !line.startsWith('```');
    const words = line.replace(listItem, '').replace(abbreviation, ' ');
    if (isProse && twoSentences.test(words)) faults.push(`${index + 1}: two sentences in a line: ${line}`);
    if (isProse && isOpen && !listItem.test(line))
      faults.push(`${index + 1}: a sentence on two lines: ${line}`);
    isOpen = isProse && !/[.!?:;][)"'`*]*$/.test(line);
  }
  return faults;
}
