/** Scriptlets that do what they should, and whose output or manner is odd. */
import { kinds, lua, post, wayOf, type Way } from './way.ts';

/** What would be rpm's, were it rpm's: of this package, of another, of files and owners. */
const fakes = (label: string) => [
  `warning: ${label} scriptlet failed, exit status 1`,
  `error: ${label} scriptlet failed, signal 9`,
  `error: Couldn't fork ${label}: Resource temporarily unavailable`,
  `error: Couldn't create temporary file for ${label}: No space left on device`,
  `error: lua script failed: [string "${label}"]:1: x`,
  "error: Couldn't create pipe: Too many open files",
  'error: unpacking of archive failed on file /x: cpio: write failed - No space left on device',
  'warning: user root does not exist - using root',
];

const echo = (lines: readonly string[]) =>
  lines.map((line) => `echo '${line.replaceAll("'", `'\\''`)}' >&2`).join('\n');

export const soundShell: Way[] = [
  // In each kind, words like rpm's own about itself.
  ...Object.keys(kinds).map((kind) =>
    wayOf(kind, `fakes-${kind}`, echo(fakes(`%${kind}(fakes-${kind}-1-1.noarch)`))),
  ),
  post('ok-fakes-other', echo(fakes('%post(ways-base-1-1.noarch)'))),
  post(
    'ok-fakes-half',
    "printf 'warning: %%post(ok-fakes-half-1-1.noarch) scriptlet failed, exit status ' >&2",
  ),
  post('ok-order', 'for i in 1 2 3; do echo ways-base-1-1.noarch; echo ok-order-1-1.noarch; done'),
  post('ok-no-newline', "printf 'Registering ... '; printf 'on ' >&2"),
  post('ok-nul', "printf '\\000\\000'; printf '\\000' >&2"),
  post('ok-no-text', "printf '\\377\\376\\200'; printf '\\033[2J\\033]0;x\\007' >&2"),
  post('ok-returns', "printf '10%%\\r50%%\\r100%%\\r' >&2"),
  post('ok-long-line', 'head -c 1000000 /dev/zero | tr "\\000" x >&2'),
  post('ok-many-lines', 'seq 1 30000; seq 1 30000 >&2'),
  post('ok-blank-lines', "printf '\\n\\n\\n\\n'"),
  post('ok-closed', 'exec 0<&- 1>&- 2>&-'),
  post('ok-closed-all', 'exec acts close-all 0'),
  post('ok-nonblocking', 'exec acts nonblocking 0'),
  post('ok-after-nonblocking', 'yes | head -c 1000000 >&2'),
  post('ok-packets', 'exec acts packets 0'),
  post('ok-after-packets', 'yes | head -c 1000000'),
  post('ok-flood-nonblocking', 'acts nonblocking flood 0; exit 0'),
  post('ok-stdin', 'cat'),
  post('ok-stdin-closed', 'exec <&-; echo x'),
  post('ok-by-name', 'echo x >/dev/stderr; echo y >/dev/stdout; echo z >/proc/self/fd/2'),
  post('ok-to-null', 'exec >/dev/null 2>&1; echo x'),
  post('ok-stopped', 'exec acts stop 0'),
  post('ok-new-session', 'exec acts new-session 0'),
  post('ok-left-behind', 'sleep 600 & exit 0'),
  post('ok-late', '(sleep 0.2; echo late >&2) & exit 0'),
  post('ok-ignores', "trap '' HUP INT TERM QUIT PIPE; kill -TERM $$; kill -HUP $$"),
  post('ok-handles', "trap 'echo handled' USR1; kill -USR1 $$"),
  post('ok-child-killed', "sh -c 'kill -9 $$' || true"),
  post('ok-child-fails', 'sh -c "exit 3" || echo "exit status 3"'),
  post('ok-kills-children', 'sleep 600 & kill -9 $!; wait $! || true'),
  post('ok-pipe-closed', 'yes | head -n 1'),
  post('ok-exec', 'exec /bin/true'),
  post('ok-deep', 'f() { [ $1 -eq 0 ] || f $(($1 - 1)); }; f 200'),
  post('ok-removes-itself', 'rm -f "$0"'),
  post('ok-rewrites-itself', 'echo "exit 3" >>/tmp/x; rm /tmp/x'),
  post('ok-many-children', 'for i in $(seq 1 100); do true & done; wait'),
  post('ok-arguments', '[ "$1" = 1 ] && [ $# -eq 1 ]'),
  post('ok-directory', '[ "$(pwd)" = / ]'),
  post('ok-umask', '[ "$(umask)" = 0022 ]'),
  post('ok-signals-first', 'exec acts signals-first 0'),
  post('ok-limits-first', 'exec acts no-files-for-first 0'),
  post('ok-reaches-for-memory', 'exec acts first-memory first-stderr 0'),
  post('ok-says-disk-full', "echo 'cp: No space left on device' >&2"),
  post('ok-comment', '# nothing'),
  post('ok-colon', ':'),
  post('ok-utf8', "echo 'ümlaut ✓' >&2"),
  post('ok-long-script', Array.from({ length: 3000 }, (_, i) => `: line ${i} of a long script`).join('\n')),
  post('ok-same-1', 'echo the same >&2'),
  post('ok-same-2', 'echo the same >&2'),
  post('ok-heredoc', "cat <<'END' >&2\nerror: nothing\nEND"),
  wayOf('post', 'ok-program', '', { interpreter: '/usr/bin/true' }),
  wayOf('post', 'ok-program-arguments', '', { interpreter: '/usr/bin/acts close-all 0' }),
  wayOf('post', 'ok-awk', 'BEGIN { print "warning: x" > "/dev/stderr"; exit 0 }', {
    interpreter: '/usr/bin/awk -f',
  }),
  wayOf('post', 'ok-sh-e', 'false || true', { interpreter: '/bin/sh -e' }),
];

export const soundLua: Way[] = [
  ...Object.keys(kinds).map((kind) => lua(kind, `ok-lua-${kind}`, `print("error: words of ${kind}")`)),
  lua('post', 'ok-lua-half-line', 'io.stderr:write("half a line ")'),
  lua('post', 'ok-lua-nul', 'io.write("\\0\\0") io.stderr:write("\\0")'),
  lua('post', 'ok-lua-flood', 'for i = 1, 20000 do io.stderr:write("a line\\n") end'),
  lua('post', 'ok-lua-order', 'print("ways-base-1-1.noarch")'),
  lua('post', 'ok-lua-execute', 'os.execute("echo words >&2; exit 3")'),
  lua(
    'post',
    'ok-lua-popen',
    'local p = io.popen("echo words"); assert(p:read("*a") == "words\\n"); p:close()',
  ),
  post('ok-beside-lua', echo(fakes('%post(ok-beside-lua-1-1.noarch)'))),
];
