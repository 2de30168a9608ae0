/** Scriptlets that fail, each in its own way; and those of which neither rpm nor anybody else can tell. */
import { kinds, lua, post, wayOf, type Way } from './way.ts';

const everyKind = Object.keys(kinds);

/** `%post` of rpm's own words for another package, which is sound. */
const fake = 'warning: %post(ways-base-1-1.noarch) scriptlet failed, exit status 1';

export const failingShell: Way[] = [
  ...everyKind.map((kind, i) =>
    wayOf(kind, `sh-${kind}`, `exit ${i + 3}`, { status: `exit status ${i + 3}` }),
  ),
  // A process of its own, whoever runs it.
  ...everyKind.map((kind) =>
    wayOf(kind, `killed-${kind}`, 'printf "half a line" >&2; kill -9 $$', { status: 'signal 9' }),
  ),
  wayOf('post', 'awk', 'BEGIN { exit 4 }', { interpreter: '/usr/bin/awk -f', status: 'exit status 4' }),
  wayOf('post', 'program', '', { interpreter: '/usr/lib/ways/exits', status: 'exit status 5' }),
  wayOf('post', 'program-arguments', '', { interpreter: '/usr/bin/acts 6', status: 'exit status 6' }),
  wayOf('post', 'sh-e', 'false; true', { interpreter: '/bin/sh -e', status: 'exit status 1' }),
  wayOf('post', 'nowhere', 'true', { interpreter: '/no/where', status: 'exit status 127' }),
  wayOf('pre', 'nowhere-pre', 'true', { interpreter: '/no/where', status: 'exit status 127' }),
  wayOf('triggerin', 'nowhere-trigger', 'true', { interpreter: '/no/where', status: 'exit status 127' }),
  wayOf('post', 'interpreter-of-nowhere', 'true', {
    interpreter: '/usr/lib/ways/interpreter-of-nowhere',
    status: 'exit status 127',
  }),
  wayOf('post', 'not-executable', 'true', {
    interpreter: '/usr/lib/ways/not-executable',
    status: 'exit status 127',
  }),
  wayOf('post', 'no-program', 'true', { interpreter: '/usr/lib/ways/no-program', status: 'exit status 127' }),
  wayOf('post', 'empty-program', 'true', { interpreter: '/usr/lib/ways/empty', status: 'exit status 127' }),
  wayOf('post', 'directory', 'true', { interpreter: '/usr/lib/ways', status: 'exit status 127' }),
  ...[1, 2, 126, 127, 128, 137, 254, 255].map((status) =>
    post(`exit-${status}`, `exit ${status}`, `exit status ${status}`),
  ),
  ...Object.entries({ HUP: 1, ILL: 4, ABRT: 6, BUS: 7, SEGV: 11, PIPE: 13, ALRM: 14, TERM: 15 }).map(
    ([name, number]) => post(`signal-${name.toLowerCase()}`, `kill -${name} $$; sleep 9`, `signal ${number}`),
  ),
  post('no-newline', "printf 'Registering ... ' >&2; exit 3", 'exit status 3'),
  post('fake-line', `echo '${fake}' >&2; echo '${fake}'; exit 3`, 'exit status 3'),
  post('fake-own-success', "printf '\\rwarning: all is well\\r' >&2; exit 3", 'exit status 3'),
  post(
    'fake-half',
    `printf '%s' 'warning: %post(fake-half-1-1.noarch) scriptlet fai' >&2; exit 3`,
    'exit status 3',
  ),
  post('nul-bytes', "printf '\\000\\000warning: \\000' >&2; exit 3", 'exit status 3'),
  post('no-text', "printf '\\377\\376\\033[2J\\033]0;x\\007' >&2; exit 3", 'exit status 3'),
  post('flood-before', 'acts flood 0; yes | head -c 300000; exit 3', 'exit status 3'),
  post('flood-after', '(sleep 0.2; yes | head -c 300000 >&2) & exit 3', 'exit status 3'),
  post('closed', 'exec 0<&- 1>&- 2>&-; exit 3', 'exit status 3'),
  post('closed-all', 'exec acts close-all 3', 'exit status 3'),
  post('full-device', 'exec >/dev/full 2>&1; echo x || exit 3', 'exit status 3'),
  post('nonblocking', 'exec acts nonblocking flood 3', 'exit status 3'),
  post('packets', 'exec acts packets 3', 'exit status 3'),
  post('stopped', 'exec acts stop 3', 'exit status 3'),
  post('new-session', 'exec acts new-session 3', 'exit status 3'),
  post('left-behind', 'sleep 600 & exit 3', 'exit status 3'),
  post('killed-by-child', '(kill -9 $$) & sleep 9', 'signal 9'),
  post('exec', "exec /bin/sh -c 'exit 3'", 'exit status 3'),
  post('exec-nowhere', 'exec /no/where', 'exit status 127'),
  post('syntax', 'if then', 'exit status 2'),
  post('unset', 'set -u; echo $nothing', 'exit status 2'),
  post('removes-itself', 'rm -f "$0"; exit 3', 'exit status 3'),
  post('rewrites-itself', 'echo true >"$0"; exit 3', 'exit status 3'),
  post('signals-first', 'exec acts signals-first 3', 'exit status 3'),
  post('reaches-for-memory', 'exec acts first-memory first-stderr 3', 'exit status 3'),
  post('says-disk-full', "echo 'No space left on device' >&2; exit 3", 'exit status 3'),
];

export const failingLua: Way[] = [
  ...everyKind.map((kind) => lua(kind, `lua-${kind}`, `error("words of ${kind}")`, `words of ${kind}`)),
  lua('post', 'lua-syntax', 'assert(load("if then"))', "unexpected symbol near 'then'"),
  lua('post', 'lua-half-line', 'io.stderr:write("half a line ") error("after it")', 'after it'),
  lua('post', 'lua-nul', 'io.stderr:write("\\0\\0") error("after nul")', 'after nul'),
  lua(
    'post',
    'lua-flood',
    'for i = 1, 20000 do io.stderr:write("a line\\n") end error("after flood")',
    'after flood',
  ),
  lua('post', 'lua-nil', 'local nothing = nil; nothing.x = 1', 'attempt to index a nil value'),
  lua('post', 'lua-arithmetic', 'return 1 + {}', 'attempt to perform arithmetic'),
  lua('post', 'lua-long-name-of-a-package-that-is-cut', 'error("cut")', 'cut'),
  lua('post', 'lua-assert', 'assert(io.open("/no/where"))', 'No such file'),
  // Beside Lua, what a process tells is told as before.
  post('beside-lua', 'exit 3', 'exit status 3'),
  post('beside-lua-killed', 'kill -9 $$', 'signal 9'),
];

/** Their end is that of success: rpm goes on, says nothing, and nobody else is told more. */
export const untold: Way[] = [
  post('untold-last', 'false; true'),
  post('untold-or', 'false || :'),
  post('untold-pipe', 'false | true'),
  post('untold-background', 'false & wait; exit 0'),
  post('untold-trap', "trap 'exit 0' EXIT; exit 3"),
  post('untold-later', '(sleep 0.1; exit 3) &'),
  post('untold-substitution', 'echo "$(exit 3)"'),
  post('untold-exec', 'exec /bin/true; exit 3'),
  lua('post', 'untold-pcall', 'pcall(error, "x")'),
  lua('post', 'untold-execute', 'os.execute("exit 3")'),
];
