/**
 * What scriptlets do to files, at random: the same operations for the shell of tiny-base and for rpm's own Lua.
 * None of them writes what another run would write otherwise, and none fails: what does not fit the tree is left out.
 */
import { pick, type Random } from '../../../helpers/random.ts';

export type Operation = readonly [name: keyof typeof inShell, path: string, other: string];

const modes = ['0600', '0644', '0755', '4755', '2710', '1777', '0000'];
const owners = ['0:0', '77:77', '88:0', '1234:4321'];
/** Before and after the epoch of the packages, and before 1970's first day was over. */
const times = ['2001-02-03 04:05:06', '2023-12-31 23:59:59', '1970-01-01 00:00:07'];
const seconds: Record<string, number> = {
  '2001-02-03 04:05:06': 981_173_106,
  '2023-12-31 23:59:59': 1_704_067_199,
  '1970-01-01 00:00:07': 7,
};

const inShell = {
  write: (path: string, text: string) => `[ -p ${path} ] || echo ${text} >${path}`,
  append: (path: string, text: string) => `[ -p ${path} ] || echo ${text} >>${path}`,
  /** Another file of the same content, as tools write it that work on a copy. */
  renew: (path: string) => `[ -f ${path} ] && cp -p ${path} ${path}.new && mv ${path}.new ${path}`,
  touch: (path: string, time: string) => `busybox touch -c -d '${time}' ${path}`,
  mkdir: (path: string) => `mkdir -p ${path}`,
  /** Beside the path: where a package has a directory rpm opens what is there, and waits at a FIFO for ever. */
  mkfifo: (path: string) => `mkfifo ${path}.p`,
  chmod: (path: string, mode: string) => `chmod ${mode} ${path}`,
  chown: (path: string, owner: string) => `chown -h ${owner} ${path}`,
  chownTarget: (path: string, owner: string) => `chown ${owner} ${path}`,
  unlink: (path: string) => `rm -f ${path}`,
  rmdir: (path: string) => `busybox rmdir ${path}`,
  remove: (path: string) => `rm -rf ${path}`,
  empty: (path: string) => `rm -rf ${path}/*`,
  move: (path: string, other: string) => `mv -f ${path} ${other}`,
  moveOver: (path: string, other: string) => `[ -e ${path} ] && rm -rf ${other} && mv -fT ${path} ${other}`,
  copy: (path: string, other: string) => `cp -a ${path} ${other}`,
  symlink: (path: string, target: string) => `ln -s ${target} ${path}`,
  symlinkOver: (path: string, target: string) => `rm -rf ${path}; ln -s ${target} ${path}`,
  link: (path: string, other: string) => `[ -f ${path} ] && ln ${path} ${other}`,
  linkOver: (path: string, other: string) => `[ -f ${path} ] && rm -rf ${other} && ln ${path} ${other}`,
  fileOver: (path: string, text: string) => `rm -rf ${path}; echo ${text} >${path}`,
  directoryOver: (path: string, text: string) =>
    `rm -rf ${path}; mkdir ${path}; echo ${text} >${path}/${text}`,
  moveAway: (path: string, target: string) => `mv -fT ${path} ${path}.d && ln -s ${target} ${path}`,
} as const;

/** rpm's Lua, whose posix.stat looks at a link itself. */
const inLua: Record<keyof typeof inShell, (path: string, other: string) => string> = {
  write: (path, text) => `put('${path}', '${text}', 'w')`,
  append: (path, text) => `put('${path}', '${text}', 'a')`,
  renew: (path) => `renew('${path}')`,
  touch: (path, time) =>
    `if is('${path}') then posix.utime('${path}', ${seconds[time]}, ${seconds[time]}) end`,
  mkdir: (path) => `posix.mkdir('${path}')`,
  mkfifo: (path) => `posix.mkfifo('${path}.p')`,
  chmod: (path, mode) => `if is('${path}') ~= 'link' then posix.chmod('${path}', '${mode}') end`,
  chown: (path, owner) => `if is('${path}') ~= 'link' then ${luaChown(path, owner)} end`,
  chownTarget: (path, owner) => luaChown(path, owner),
  unlink: (path) => `posix.unlink('${path}')`,
  rmdir: (path) => `posix.rmdir('${path}')`,
  remove: (path) => `remove('${path}')`,
  empty: (path) => `if is('${path}') == 'directory' then remove('${path}'); posix.mkdir('${path}') end`,
  move: (path, other) => `os.rename('${path}', '${other}')`,
  moveOver: (path, other) => `if is('${path}') then remove('${other}'); os.rename('${path}', '${other}') end`,
  copy: (path, other) => `if is('${path}') == 'regular' then put('${other}', 'copied', 'w') end`,
  symlink: (path, target) => `posix.symlink('${target}', '${path}')`,
  symlinkOver: (path, target) => `remove('${path}'); posix.symlink('${target}', '${path}')`,
  link: (path, other) => `if is('${path}') == 'regular' then posix.link('${path}', '${other}') end`,
  linkOver: (path, other) =>
    `if is('${path}') == 'regular' then remove('${other}'); posix.link('${path}', '${other}') end`,
  fileOver: (path, text) => `remove('${path}'); put('${path}', '${text}', 'w')`,
  directoryOver: (path, text) =>
    `remove('${path}'); posix.mkdir('${path}'); put('${path}/${text}', '${text}', 'w')`,
  moveAway: (path, target) =>
    `if os.rename('${path}', '${path}.d') then posix.symlink('${target}', '${path}') end`,
};

const luaChown = (path: string, owner: string) =>
  `if is('${path}') then posix.chown('${path}', ${owner.replace(':', ', ')}) end`;

/** A removal removes what a name is, never what is behind a link. */
const luaFunctions = `local function is(path) return posix.stat(path, 'type') end
local function put(path, text, how)
  local kind = is(path)
  if kind and kind ~= 'regular' then return end
  local file = io.open(path, how)
  if file then file:write(text, '\\n'); file:close() end
end
local function remove(path)
  local kind = is(path)
  if kind == 'directory' then
    local names = posix.dir(path)
    table.sort(names)
    for _, name in ipairs(names) do if name ~= '.' and name ~= '..' then remove(path .. '/' .. name) end end
    posix.rmdir(path)
  elseif kind then posix.unlink(path) end
end
local function renew(path)
  if is(path) ~= 'regular' then return end
  local file = io.open(path); local text = file:read('a'); file:close()
  posix.unlink(path); file = io.open(path, 'w'); file:write(text); file:close()
end
`;

/** Ones that change whole directories come often, because that is where layers go wrong. */
const frequent = ['remove', 'move', 'moveOver', 'symlinkOver', 'directoryOver', 'moveAway'] as const;
const names = [...(Object.keys(inShell) as Operation[0][]), ...frequent];

/** @param paths that packages have, or could have */
export function randomOperation(random: Random, paths: readonly string[], number: number): Operation {
  const [name, path] = [pick(random, names), pick(random, paths)];
  switch (name) {
    case 'touch':
      return [name, path, pick(random, times)];
    case 'chmod':
      return [name, path, pick(random, modes)];
    case 'chown':
    case 'chownTarget':
      return [name, path, pick(random, owners)];
    case 'symlink':
    case 'symlinkOver':
    case 'moveAway':
      return [name, path, randomTarget(random, path, paths)];
    case 'move':
    case 'moveOver':
    case 'copy':
    case 'link':
    case 'linkOver':
      return [name, path, random(2) === 0 ? pick(random, paths) : `${pick(random, paths)}.m`];
    default:
      return [name, path, `by${number}`];
  }
}

/** Of a link: another path, absolute or relative, one outside of all packages, or none that is there. */
export function randomTarget(random: Random, path: string, paths: readonly string[]): string {
  const other = pick(random, paths);
  const up = '../'.repeat(path.split('/').length - 2);
  return pick(random, [other, `${up}${other.slice(1)}`, `${path}.d`, '/data', '/data/new', 'nowhere']);
}

export function scriptOf(language: 'sh' | 'lua', operations: readonly Operation[]): string {
  if (language === 'lua') {
    const lines = operations.map(([name, path, other]) => inLua[name](path, other));
    return `${luaFunctions}${lines.map((line) => `pcall(function() ${line} end)\n`).join('')}`;
  }
  const lines = operations.map(([name, path, other]) => inShell[name](path, other));
  return `exec >/dev/null 2>&1\n${lines.join('\n')}\nexit 0\n`;
}
