/** The story of a long build, on stderr: the result belongs on stdout. */
export function say(text: string): void {
  process.stderr.write(`repository: ${text}\n`);
}
