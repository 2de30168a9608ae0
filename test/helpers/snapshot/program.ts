/** Programs of the tests' own, which begin sooner with what Node has compiled before: src/lib/host hands no variables on. */
import { start } from '../../../src/lib/host/exec.ts';

const directory = process.env['NODE_COMPILE_CACHE'];
const env = directory === undefined ? {} : { NODE_COMPILE_CACHE: directory };

export function startProgram(script: string, ...args: string[]): ReturnType<typeof start> {
  return start(process.execPath, [script, ...args], { env });
}
