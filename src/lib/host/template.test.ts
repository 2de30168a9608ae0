import { afterEach, expect, test, vi } from 'vitest';
import { fillTemplate } from './template.ts';

const values = { name: 'hat', list: ['a', 'b'], nested: { size: 7 }, words: '\u001B[2J' };
const written = [
  vi.spyOn(process.stdout, 'write'),
  vi.spyOn(process.stderr, 'write'),
  ...(['log', 'info', 'warn', 'error', 'debug'] as const).map((method) => vi.spyOn(console, method)),
];
afterEach(() => {
  for (const spy of written) expect(spy).not.toHaveBeenCalled();
});

test.each([
  ['{{name}} {{nested.size}} {{list.length}}', 'hat 7 2'],
  ['{{#each list}}{{@index}}{{this}}{{/each}}{{#each nested}}{{@key}}{{/each}}', '0a1bsize'],
  ['{{#if name}}y{{else}}n{{/if}}{{#unless name}}n{{/unless}}{{#with nested}}{{size}}{{/with}}', 'y7'],
  ['{{lookup list 1}}{{list}}{{#list}}.{{/list}}', 'ba,b..'],
  ['{{#*inline "part"}}<{{name}}>{{/inline}}{{> part}}', '<hat>'],
])('%s is filled', (text, filled) => {
  expect(fillTemplate(text, values)).toBe(filled);
});

test.each([
  '{{log words}}',
  '{{log "x" level="error"}}',
  '{{log}}',
  '{{#log words}}{{/log}}',
  '{{#each list}}{{log this}}{{/each}}',
  '{{#if (log words)}}{{/if}}',
  '{{missing}}',
  '{{missing words}}',
  '{{helperMissing words}}',
  '{{> part}}',
  '{{> (lookup . "name")}}',
  '{{* decorator}}',
  '{{constructor}}',
  '{{toString}}',
  '{{__proto__}}',
  '{{nested.constructor}}',
  '{{nested.__proto__.polluted}}',
  '{{nested.hasOwnProperty}}',
  '{{list.map}}',
  '{{list.push}}',
  '{{list.constructor.constructor}}',
  '{{name.trim}}',
  '{{#with (lookup nested "constructor")}}{{size}}{{else}}{{missing}}{{/with}}',
  '{{#*inline "part"}}{{> part}}{{/inline}}{{> part}}',
  '{{#each list}}',
])('%s is refused, every time, and says nothing by itself', (text) => {
  const fill = () => fillTemplate(text, values);
  expect(fill).toThrow();
  expect(fill).toThrow();
});

test('a value may be called as a helper of the library is', () => {
  expect(fillTemplate('{{log}}', { log: 'kept' })).toBe('kept');
});
