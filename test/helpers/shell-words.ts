/** Words as a shell reads them again: for the programs that take a whole command as one, and for people. */
export const shellWords = (words: readonly string[]): string => words.map(quoted).join(' ');

const quoted = (word: string) =>
  /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`;
