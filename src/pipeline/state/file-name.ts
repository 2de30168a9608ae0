/** The name of a file for the name of an image, which may be a reference with slashes. */
export function fileNameOf(name: string): string {
  return name.replaceAll(/[%/]/g, encodeURIComponent);
}
