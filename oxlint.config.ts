/** Lint, and with it the direction of imports: from the commands down to the libraries, and one way through each. */
import { defineConfig } from 'oxlint';

/** Lowest first; those of one row know nothing of each other. */
const libraries = [['errors'], ['oci'], ['host'], ['http', 'container', 'rpm'], ['registry']];

/** In the order the pipeline runs. A stage may use types of earlier ones; values come from the libraries alone. */
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
  'night',
  'report',
];

/** Of the pipeline, lowest first. */
const wings = [
  'state',
  'packages',
  'trust',
  'setup',
  'base',
  'lock',
  'instance',
  'publish',
  'build',
  'transfer',
  'report',
  'export',
  'night',
];

/** What stands on the pipeline, lowest first. */
const tops = ['site', 'queue', 'nightly', 'github', 'dashboard', 'cli', 'commands'];

const processes = ['node:child_process', 'child_process', 'execa'];

interface Pattern {
  group: string[];
  allowTypeImports?: boolean;
  message: string;
}

const folders = (names: readonly string[]) => names.map((name) => `**/${name}/**`);
/** A wing may be called as a stage is: only what is beside the own one is meant. */
const wingFolders = (names: readonly string[]) =>
  names.flatMap((name) => [`../${name}/**`, `../../${name}/**`, `**/pipeline/${name}/**`]);

/** One rule for each folder: of several for one file the last would replace the others. */
const restrict = (folder: string, ...patterns: Pattern[]) => ({
  files: [`src/${folder}/**/*.ts`],
  rules: {
    'no-restricted-imports': [
      'error',
      { paths: processes, patterns: patterns.filter(({ group }) => group.length > 0) },
    ] as const,
  },
});

const libraryRules = libraries.flatMap((row, index) =>
  row.map((name) => {
    const others = libraries.slice(index).flat();
    return restrict(
      `lib/${name}`,
      {
        group: folders(['stages', 'pipeline', ...tops]),
        message: 'a library knows nothing of what is made with it',
      },
      { group: folders(others.filter((other) => other !== name)), message: 'only libraries of lower rows' },
    );
  }),
);

const stageRules = stages.map((name, index) =>
  restrict(
    `stages/${name}`,
    {
      group: folders([...stages.slice(index + 1), 'pipeline', ...tops]),
      message: 'a stage knows nothing of later ones',
    },
    {
      group: folders(stages.slice(0, index)),
      allowTypeImports: true,
      message: 'only types of earlier stages: the pipeline hands the values on',
    },
  ),
);

const wingRules = wings.map((name, index) =>
  restrict(
    `pipeline/${name}`,
    { group: folders(tops), message: 'the queue calls the pipeline' },
    { group: wingFolders(wings.slice(index + 1)), message: 'a wing knows nothing of later ones' },
  ),
);

const topRules = tops.slice(0, -1).map((name, index) =>
  restrict(name, {
    group: folders(tops.slice(index + 1)),
    message: 'what stands above calls, and is not called',
  }),
);

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
    'import/no-cycle': ['error', { ignoreTypes: false }],
    'typescript/no-explicit-any': 'error',
    'typescript/no-floating-promises': 'error',
    // errno fields and parsed JSON come as unknown: an assertion at that border is the reading of it.
    'typescript/no-unsafe-type-assertion': 'off',
    // Strings sort by their code units, which is what a stable order needs.
    'typescript/require-array-sort-compare': ['error', { ignoreStringArrays: true }],
    'no-restricted-imports': ['error', { paths: processes }],
  },
  overrides: [
    ...libraryRules,
    ...stageRules,
    ...wingRules,
    ...topRules,
    restrict('commands', {
      group: folders(['stages']),
      allowTypeImports: true,
      message: 'call the pipeline',
    }),
    { files: ['src/lib/host/{detached,exec}.ts'], rules: { 'no-restricted-imports': 'off' } },
    // Tests hold other programs against ours, and start processes in order to kill them.
    { files: ['**/*.test.ts', 'test/**/*.ts'], rules: { 'no-restricted-imports': 'off' } },
  ],
});
