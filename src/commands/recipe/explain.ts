import { Args } from '@oclif/core';
import { MillinerCommand } from '../../cli/base-command.ts';
import { MillinerError } from '../../lib/errors/error.ts';
import { didYouMean, nearest } from '../../lib/yaml/nearest.ts';
import { allKeys, explainKey, type ExplainedKey } from '../../pipeline/check/explain-key.ts';

export default class RecipeExplainCommand extends MillinerCommand {
  static override summary = 'Describe a key of recipes';
  static override description =
    'Shows the type of the key, its default, what it does, an example and the keys below it. Without KEY, lists all keys.';
  static override examples = [
    '<%= config.bin %> recipe explain test.ready.unit',
    '<%= config.bin %> recipe explain files',
    '<%= config.bin %> recipe explain',
  ];
  static override args = {
    key: Args.string({ description: 'the key with those above it, such as test.ready.unit' }),
  };

  async run(): Promise<object> {
    const { args } = await this.parse(RecipeExplainCommand);
    if (args.key === undefined) return this.#list();
    const key = args.key.replaceAll(/\.\d+(?=\.|$)/g, '');
    const explained = explainKey(key) ?? explainKey(onlyOne(key) ?? '');
    if (!explained) throw unknownKey(key);
    this.#show(explained);
    return explained;
  }

  #list(): object {
    const keys = allKeys().map((key) => explainKey(key)!);
    for (const { key, does } of keys) this.log(`${key.padEnd(28)} ${does}`);
    return { keys };
  }

  #show({ key, does, type, required, default: standard, example, keys }: ExplainedKey): void {
    this.log(`${key}${required ? ' (required)' : ''}`);
    this.log(`  ${does}`);
    this.log(`  type:    ${type}`);
    if (standard !== undefined) this.log(`  default: ${JSON.stringify(standard)}`);
    this.log(`  example: ${example}`);
    if (keys.length > 0) this.log('  keys:');
    for (const one of keys) this.log(`    ${one.key.padEnd(14)} ${one.does}`);
  }
}

/** The one key that ends with this word. */
function onlyOne(word: string): string | undefined {
  const found = allKeys().filter((key) => key.endsWith(`.${word}`));
  return found.length === 1 ? found[0] : undefined;
}

function unknownKey(key: string): MillinerError {
  const keys = allKeys();
  const same = keys.filter((one) => one.endsWith(`.${key}`));
  const suggestion =
    same[0] ??
    nearest(key, keys) ??
    nearest(
      key,
      keys.map((one) => one.split('.').at(-1)!),
    );
  return new MillinerError('USAGE', `there is no key ${key} in a recipe`, {
    hint:
      suggestion === undefined
        ? 'List all keys with milliner recipe explain.'
        : didYouMean(same.length > 1 ? same.join(' or ') : suggestion),
    ...(suggestion !== undefined && { details: { suggestion } }),
  });
}
