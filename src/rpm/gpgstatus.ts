/** What gpg says for programs on its status descriptor (GnuPG, doc/DETAILS). */

/** The words of each line: a keyword and its arguments. */
export function readStatus(text: string): string[][] {
  return text.split('\n').flatMap((line) => (line.startsWith('[GNUPG:] ') ? [line.split(' ').slice(1)] : []));
}
