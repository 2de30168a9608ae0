/** Names of signals in images. The image specification has SIGNAME; docker and podman accept other forms too. */
import { constants } from 'node:os';

/** signal(7): the first and the last real-time signal, as the C library numbers them. */
const [rtmin, rtmax] = [34, 64];

/** `SIGTERM`, `SIGRTMIN+3`; from `TERM`, `sigrtmin+3`, `37`. Undefined for an unknown signal. */
export function canonicalSignal(text: string): string | undefined {
  if (/^\d+$/.test(text)) return nameOf(Number(text));
  const [, base = '', sign, offset = '0'] =
    /^(?:SIG)?([A-Z0-9]+?)(?:([+-])(\d{1,2}))?$/.exec(text.toUpperCase()) ?? [];
  if (base !== 'RTMIN' && base !== 'RTMAX') {
    const name = `SIG${base}`;
    return sign === undefined && Object.hasOwn(constants.signals, name) ? name : undefined;
  }
  const number = base === 'RTMIN' ? rtmin + Number(offset) : rtmax - Number(offset);
  const isWritten = sign === undefined || (sign === '+') === (base === 'RTMIN');
  return isWritten ? nameOf(number) : undefined;
}

function nameOf(number: number): string | undefined {
  if (number >= rtmin && number <= rtmax) return number === rtmin ? 'SIGRTMIN' : `SIGRTMIN+${number - rtmin}`;
  return Object.entries(constants.signals).find(([, one]) => one === number)?.[0];
}

/** The number of a signal, in any of those forms; undefined for an unknown one. */
export function numberOfSignal(text: string): number | undefined {
  const name = canonicalSignal(text);
  const [, offset] = /^SIGRTMIN(?:\+(\d+))?$/.exec(name ?? '') ?? [];
  if (name?.startsWith('SIGRTMIN')) return rtmin + Number(offset ?? 0);
  return name === undefined ? undefined : constants.signals[name as NodeJS.Signals];
}
