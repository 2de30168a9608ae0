/** Converts plain text to Markdown: escapes markup, and puts each sentence on a line. */

export function escape(text: string): string {
  return text.replaceAll(/[*_<>|`]/g, (character) => `\\${character}`);
}

/** A sentence ends if a capital letter follows. */
export function sentences(text: string): string {
  return escape(text).replaceAll(/([.!?:]) (?=[A-Z])/g, '$1\n');
}

/** Starts with a capital letter and ends with a full stop. */
export function sentence(text: string): string {
  const whole = `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;
  return sentences(/[.!?]$/.test(whole) ? whole : `${whole}.`);
}

/** `wrongKey` becomes `wrong key`. */
export function spaced(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}
