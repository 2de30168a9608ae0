/**
 * rpm's messages about a scriptlet or file that failed: every one in the sources of rpm 4.14, 4.16, 4.18, 4.20 and 6.0,
 * and how each affects the build. Scriptlets may write text that looks the same. So if the kernel, rpm's exit code or
 * the files show what happened, a message only adds a name.
 */

/**
 * What decides. `traced`: the exit status of the process, from the kernel. `failed`: the message, because nothing else
 * shows the failure. `exit`: rpm's exit code. `owner`: the owners of the installed files. `told`: nothing is wrong, and
 * the log has the message. `off`: a message of plugins, which are not loaded.
 */
export type Answer = 'traced' | 'failed' | 'exit' | 'owner' | 'told' | 'off';

export interface Message {
  /** As in rpm's C sources. */
  text: string;
  /** The first and the last of these versions that have it. */
  since: RpmVersion;
  until: RpmVersion;
  answer: Answer;
  /** For messages that count: a part that never changes, and the pattern around it. */
  anchor?: string;
  pattern?: RegExp;
  /** Only in transactions with a Lua scriptlet, or with one whose macros are expanded. */
  only?: 'lua' | 'macros';
}

type RpmVersion = '4.14' | '4.16' | '4.18' | '4.20' | '6.0';
const all = { since: '4.14', until: '6.0' } as const;

/** Such as %post(name-1-1.noarch); NEVRAs have no brackets and no spaces. */
const label = String.raw`(?<kind>%\w{1,32})\((?<nevra>[^()\s"]{1,512})\)`;
/** Lua shortens names of more than about 50 characters. */
const chunk = String.raw`(?:\[string "(?<kind>%\w{1,32})\((?<nevra>[^()\s"]{1,512}?)(?:\)|(?<cut>\.\.\.))"\]:)?(?<words>[^\n]{0,512})`;

export const messages: readonly Message[] = [
  {
    text: '%s scriptlet failed, exit status %d',
    ...all,
    answer: 'traced',
    anchor: ' scriptlet failed, exit status ',
    pattern: new RegExp(`${label} scriptlet failed, (?<words>exit status \\d{1,3})(?!\\d)`),
  },
  {
    text: '%s scriptlet failed, signal %d',
    ...all,
    answer: 'traced',
    anchor: ' scriptlet failed, signal ',
    pattern: new RegExp(`${label} scriptlet failed, (?<words>signal \\d{1,3})(?!\\d)`),
  },
  {
    text: '%s scriptlet failed, waitpid(%d) rc %d: %s',
    ...all,
    answer: 'failed',
    anchor: ' scriptlet failed, waitpid(',
    pattern: new RegExp(`${label} scriptlet failed, (?<words>waitpid\\(\\d+\\) rc [^\\n]{0,256})`),
  },
  // The process exits with 127 (4.14: 255).
  { text: 'failed to exec scriptlet interpreter %s: %s', ...all, answer: 'traced' },
  {
    text: "Couldn't create temporary file for %s: %s",
    ...all,
    answer: 'failed',
    anchor: "Couldn't create temporary file for ",
    pattern: new RegExp(`(?<words>Couldn't create temporary file) for ${label}: (?<why>[^\\n]{0,256})`),
  },
  {
    text: "Couldn't create pipe: %s",
    ...all,
    answer: 'failed',
    anchor: "Couldn't create pipe: ",
    pattern: /(?<words>Couldn't create pipe: [^\n]{0,256})/,
  },
  {
    text: "Couldn't duplicate file descriptor: %s: %s",
    ...all,
    answer: 'failed',
    anchor: "Couldn't duplicate file descriptor: ",
    pattern: new RegExp(`(?<words>Couldn't duplicate file descriptor): ${label}: (?<why>[^\\n]{0,256})`),
  },
  {
    text: "Couldn't fork %s: %s",
    ...all,
    answer: 'failed',
    anchor: "Couldn't fork ",
    pattern: new RegExp(`(?<words>Couldn't fork) ${label}: (?<why>[^\\n]{0,256})`),
  },
  {
    // The list of files that a file trigger reads.
    text: 'Fwrite failed: %s',
    ...all,
    answer: 'failed',
    anchor: 'Fwrite failed: ',
    pattern: /(?<words>Fwrite failed: [^\n]{0,256})/,
  },
  {
    text: 'Unable to restore current directory: %m',
    ...all,
    answer: 'failed',
    only: 'lua',
    anchor: 'Unable to restore current directory: ',
    pattern: /(?<words>Unable to restore current directory: [^\n]{0,256})/,
  },
  {
    text: '<lua> scriptlet support not built in',
    since: '4.14',
    until: '4.16',
    answer: 'failed',
    only: 'lua',
    anchor: '<lua> scriptlet support not built in',
    pattern: /(?<words><lua> scriptlet support not built in)/,
  },
  {
    text: 'No exec() called after fork() in lua scriptlet',
    since: '4.14',
    until: '4.16',
    answer: 'failed',
    only: 'lua',
    anchor: 'No exec() called after fork() in lua scriptlet',
    pattern: /(?<words>No exec\(\) called after fork\(\) in lua scriptlet)/,
  },
  // Also reported if an earlier scriptlet, not in Lua, left a process in the background.
  { text: 'runaway fork() in Lua script', since: '4.18', until: '6.0', answer: 'told' },
  {
    text: 'lua script failed: %s',
    ...all,
    answer: 'failed',
    only: 'lua',
    anchor: 'lua script failed: ',
    pattern: new RegExp(`lua script failed: ${chunk}`),
  },
  {
    text: 'invalid syntax in lua script: %s',
    ...all,
    answer: 'failed',
    only: 'lua',
    anchor: 'invalid syntax in lua script: ',
    pattern: new RegExp(`invalid syntax in lua script: ${chunk}`),
  },
  {
    text: 'invalid syntax in lua scriptlet: %s',
    ...all,
    answer: 'failed',
    only: 'lua',
    anchor: 'invalid syntax in lua scriptlet: ',
    pattern: new RegExp(`invalid syntax in lua scriptlet: ${chunk}`),
  },
  {
    text: 'lua hook failed: %s',
    ...all,
    answer: 'failed',
    only: 'lua',
    anchor: 'lua hook failed: ',
    pattern: /(?<words>lua hook failed: [^\n]{0,512})/,
  },
  ...[
    'Unable to change root directory: %m',
    'Unable to open current directory: %m',
    'Unable to restore root directory: %m',
  ].map((text): Message => {
    const anchor = text.slice(0, -2);
    return {
      text,
      ...all,
      answer: 'failed',
      anchor,
      pattern: new RegExp(`(?<words>${anchor}[^\\n]{0,256})`),
    };
  }),
  // A body whose macros fail to expand is cut or empty, and runs anyway.
  ...[
    'Too many levels of recursion in macro expansion',
    'Macro %%%s failed to expand',
    'Unterminated %c: %s',
    'A %% is followed by an unparseable macro',
    'Unknown option %c in %s(%s)',
  ].map((text): Message => {
    const anchor = text.replaceAll('%%', '%').split(/%[sc%]/)[0] || text.split(/%%%s|%% /)[1]!;
    return {
      text,
      ...all,
      answer: 'failed',
      only: 'macros',
      anchor,
      pattern: new RegExp(`(?<words>${RegExp.escape(anchor)}[^\\n]{0,256})`),
    };
  }),
  {
    text: 'user %s does not exist - using %s',
    ...all,
    answer: 'owner',
    anchor: ' does not exist - using ',
    pattern: /(?<kind>user) (?<nevra>(?:(?!user )[^\n]){1,256}?) does not exist - using /,
  },
  {
    text: 'group %s does not exist - using %s',
    ...all,
    answer: 'owner',
    anchor: ' does not exist - using ',
    pattern: /(?<kind>group) (?<nevra>(?:(?!group )[^\n]){1,256}?) does not exist - using /,
  },
  { text: 'failed to open %s for id/name lookup: %s', since: '4.20', until: '6.0', answer: 'owner' },
  { text: 'unpacking of archive failed%s%s: %s', ...all, answer: 'exit' },
  { text: 'failed to open dir %s of %s: %s', since: '4.18', until: '6.0', answer: 'exit' },
  { text: '%s: chroot directory not set', ...all, answer: 'exit' },
  { text: '%s: %s failed', ...all, answer: 'exit' },
  { text: '%s: %s skipped', ...all, answer: 'exit' },
  { text: 'Missing rpmlib features for %s:', ...all, answer: 'exit' },
  { text: 'Failed dependencies:', ...all, answer: 'exit' },
  { text: 'Malformed data for tag %s: %u bytes found but %lu expected.', ...all, answer: 'exit' },
  { text: 'Wrong number of entries for tag %s: %u found but %u expected.', ...all, answer: 'exit' },
  { text: '%s%s created as %s%s', ...all, answer: 'told' },
  { text: '%s%s saved as %s%s', ...all, answer: 'told' },
  { text: '%s %s: remove failed: %s', ...all, answer: 'told' },
  // Messages of or about plugins; every command line has --noplugins.
  { text: 'Plugin %s: hook scriplet_pre failed', ...all, answer: 'off' },
  { text: 'Plugin %s: hook scriplet_fork_post failed', ...all, answer: 'off' },
  { text: 'Plugin %s: hook scriplet_post failed', ...all, answer: 'off' },
  { text: 'Plugin %s: hook psm_pre failed', ...all, answer: 'off' },
  { text: 'Plugin %s: hook fsm_file_pre failed', ...all, answer: 'off' },
  { text: 'Plugin %s: hook fsm_file_prepare failed', ...all, answer: 'off' },
  { text: 'setexecfilecon: (%s, %s) %s', ...all, answer: 'off' },
  { text: 'lsetfilecon: (%s, %s) %s', ...all, answer: 'off' },
  { text: "ima: could not apply signature on '%s': %s", ...all, answer: 'off' },
  { text: 'Unable to reset nice value: %s', ...all, answer: 'off' },
];
