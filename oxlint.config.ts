/** Lint, and with it the direction of imports: data goes one way through the stages. */
import { defineConfig } from 'oxlint';

/** In the order the pipeline runs. A stage may use types of earlier ones; values come from the foundations and errors alone. */
const stages = [
  'recipe',
  'repo',
  'solve',
  'lock',
  'content',
  'snapshot',
  'install',
  'layer',
  'image',
  'boot',
  'sign',
];

/** What every stage may call: these know nothing of the pipeline. */
const foundations = ['errors', 'oci', 'host', 'http', 'container', 'rpm', 'registry'];

const processes = ['node:child_process', 'child_process', 'execa'];

const folders = (names: string[]) => names.flatMap((name) => [`**/${name}/*`, `**/${name}/**`]);

function direction(stage: string, index: number) {
  const later = [...stages.slice(index + 1), 'pipeline', 'queue', 'cli', 'commands'];
  return {
    files: [`src/stages/${stage}/**/*.ts`],
    rules: {
      'no-restricted-imports': [
        'error',
        {
          paths: processes,
          patterns: [
            { group: folders(later), message: 'a stage knows nothing of later ones' },
            ...(index > 0
              ? [
                  {
                    group: folders(stages.slice(0, index)),
                    allowTypeImports: true,
                    message: 'only types of earlier stages: the pipeline hands the values on',
                  },
                ]
              : []),
          ],
        },
      ],
    },
  };
}

export default defineConfig({
  plugins: ['typescript', 'import', 'unicorn', 'oxc'],
  categories: { correctness: 'error', suspicious: 'error' },
  env: { node: true },
  ignorePatterns: ['dist', 'node_modules', 'native/build'],
  options: { typeAware: true },
  rules: {
    'no-console': 'error',
    'import/no-named-as-default-member': 'off',
    // A helper next to its one use reads better than one at the end of the file.
    'unicorn/consistent-function-scoping': 'off',
    'max-lines': ['error', { max: 400 }],
    'import/no-cycle': 'error',
    'typescript/no-explicit-any': 'error',
    'typescript/no-floating-promises': 'error',
    // What is in use goes with its scope, not with the promise that leaves it.
    'typescript/return-await': ['error', 'error-handling-correctness-only'],
    // errno fields and parsed JSON come as unknown: an assertion at that border is the reading of it.
    'typescript/no-unsafe-type-assertion': 'off',
    // Strings sort by their code units, which is what a stable order needs.
    'typescript/require-array-sort-compare': ['error', { ignoreStringArrays: true }],
    'no-restricted-imports': ['error', { paths: processes }],
  },
  overrides: [
    ...stages.map(direction),
    { files: ['src/lib/host/exec.ts'], rules: { 'no-restricted-imports': 'off' } },
    // Tests hold other programs against ours, and start processes in order to kill them.
    { files: ['**/*.test.ts', 'test/**/*.ts'], rules: { 'no-restricted-imports': 'off' } },
    {
      files: foundations.map((name) => `src/lib/${name}/**/*.ts`),
      excludeFiles: ['src/lib/host/exec.ts'],
      rules: {
        'no-restricted-imports': [
          'error',
          {
            paths: processes,
            patterns: [{ group: folders(['stages', 'pipeline', 'queue', 'cli', 'commands']) }],
          },
        ],
      },
    },
    {
      files: ['src/queue/**/*.ts'],
      rules: {
        'no-restricted-imports': [
          'error',
          {
            paths: processes,
            patterns: [
              { group: ['../cli/*', '../commands/*'], message: 'commands call, and are not called' },
            ],
          },
        ],
      },
    },
    {
      files: ['src/pipeline/**/*.ts'],
      rules: {
        'no-restricted-imports': [
          'error',
          {
            paths: processes,
            patterns: [
              { group: folders(['queue', 'cli', 'commands']), message: 'the queue calls the pipeline' },
            ],
          },
        ],
      },
    },
    {
      files: ['src/commands/**/*.ts'],
      rules: {
        'no-restricted-imports': [
          'error',
          {
            paths: processes,
            patterns: [
              {
                group: folders(['stages']),
                allowTypeImports: true,
                message: 'call the pipeline',
              },
            ],
          },
        ],
      },
    },
  ],
});
