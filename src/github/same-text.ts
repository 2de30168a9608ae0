/** Whether GitHub has a text already: it may give line breaks another form, and drops blanks at the end. */
export const sameText = (there: string | null | undefined, wanted: string): boolean =>
  (there ?? '').replaceAll('\r\n', '\n').trimEnd() === wanted.trimEnd();
