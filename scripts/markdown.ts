/** Text of others' making in Markdown: what it would take for markup is escaped, and each sentence has a line. */

export function escape(text: string): string {
  return text.replaceAll(/[*_<>|`]/g, (character) => `\\${character}`);
}

/** A sentence ends where a capital letter follows. */
export function sentences(text: string): string {
  return escape(text).replaceAll(/([.!?:]) (?=[A-Z])/g, '$1\n');
}

/** With a capital letter and a full stop. */
export function sentence(text: string): string {
  const whole = `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
  return sentences(/[.!?]$/.test(whole) ? whole : `${whole}.`);
}

/** `wrongKey` as `wrong key`. */
export function spaced(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
