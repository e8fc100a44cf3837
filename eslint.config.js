/**
 * Lint with types. What imports may cross between rooms is dependency-cruiser's business (.dependency-cruiser.cjs);
 * here are the rules that it cannot see: globals, types and the shape of functions.
 */

import { builtinModules } from 'node:module';
import { defineConfig } from 'eslint/config';
import tseslint from 'typescript-eslint';

const tests = ['**/*.test.ts', 'test/**/*.ts'];
/** Run unchanged in the simulator, so that time, chance and I/O reach them only as constructor arguments. */
const coreRooms = ['base', 'wire', 'index', 'log', 'store', 'watch', 'cluster'].map(
  (room) => `src/${room}/**/*.ts`,
);
/** Positional parameters cost nothing at run time; an options object per call does. */
const hotRooms = ['base', 'wire', 'index', 'log', 'store', 'watch', 'transport'].map(
  (room) => `src/${room}/**/*.ts`,
);

const injected = {
  clock: 'The core rooms read no clock: take a Clock (src/base/clock.ts) as constructor argument.',
  scheduler: 'The core rooms own no timers: take a Scheduler (src/base/clock.ts) as constructor argument.',
  random: 'The core rooms draw no chance: take a Random (src/base/random.ts) as constructor argument.',
  surroundings: 'The core rooms do no I/O and know no process: take what you need as constructor argument.',
};
const coreGlobals = [
  ['clock', ['Date', 'performance']],
  [
    'scheduler',
    ['setTimeout', 'setInterval', 'setImmediate', 'clearTimeout', 'clearInterval', 'clearImmediate'],
  ],
  ['random', ['crypto']],
  ['surroundings', ['process', 'fetch', 'WebSocket', 'BroadcastChannel', 'MessageChannel', 'EventTarget']],
].flatMap(([need, names]) => names.map((name) => ({ name, message: injected[need] })));

const processEnv = {
  object: 'process',
  property: 'env',
  message:
    'Only src/config reads the environment: add a row to its schema and take the setting as an argument.',
};
const coreProperties = [
  processEnv,
  { object: 'Math', property: 'random', message: injected.random },
  { object: 'AbortSignal', property: 'timeout', message: injected.scheduler },
  ...['setTimeout', 'setInterval', 'setImmediate', 'Date', 'performance', 'process', 'crypto'].map(
    (property) => ({
      object: 'globalThis',
      property,
      message: injected.surroundings,
    }),
  ),
];
/** Built-in modules that only compute. */
const pureBuiltins = ['node:buffer', 'node:zlib'];

const bareBuiltins = {
  regex: `^(${builtinModules.filter((name) => !name.includes('/')).join('|')})(/|$)`,
  message: 'Name a built-in module with its node: prefix.',
};

function coreImports(allowed) {
  const group = ['node:*', ...[...pureBuiltins, ...allowed].map((name) => `!${name}`)];
  return ['error', { patterns: [bareBuiltins, { group, message: injected.surroundings }] }];
}

const syntax = [
  {
    selector: 'TSNonNullExpression:not([expression.type="MemberExpression"][expression.computed=true])',
    message: 'A non-null assertion belongs on an element access only (array[i]!): narrow the type instead.',
  },
];
const noDefaultExport = {
  selector: 'ExportDefaultDeclaration',
  message: 'Default exports are banned: export a name.',
};

export default defineConfig(
  {
    ignores: [
      'dist/',
      'dist.*/',
      'coverage/',
      'docs/api/',
      'node_modules/',
      '**/*.mjs',
      '**/*.cjs',
      '**/*.js',
    ],
  },
  {
    files: ['**/*.ts'],
    extends: [tseslint.configs.recommendedTypeChecked],
    languageOptions: { parserOptions: { projectService: true, tsconfigRootDir: import.meta.dirname } },
    linterOptions: { reportUnusedDisableDirectives: 'error' },
    rules: {
      '@typescript-eslint/consistent-type-imports': 'error',
      '@typescript-eslint/explicit-module-boundary-types': 'error',
      '@typescript-eslint/no-deprecated': 'error',
      '@typescript-eslint/no-floating-promises': 'error',
      '@typescript-eslint/no-non-null-assertion': 'off',
      '@typescript-eslint/no-unused-vars': ['error', { argsIgnorePattern: '^_', varsIgnorePattern: '^_' }],
      '@typescript-eslint/restrict-template-expressions': [
        'error',
        { allowNumber: true, allowBoolean: true },
      ],
      '@typescript-eslint/return-await': ['error', 'error-handling-correctness-only'],
      '@typescript-eslint/switch-exhaustiveness-check': [
        'error',
        { considerDefaultExhaustiveForUnions: true },
      ],
      eqeqeq: 'error',
      'max-lines': ['error', 600],
      'max-lines-per-function': ['error', 70],
      'max-params': ['error', 3],
      'no-console': 'error',
      'no-else-return': 'error',
      'no-restricted-imports': ['error', { patterns: [bareBuiltins] }],
      'no-restricted-syntax': ['error', ...syntax, noDefaultExport],
      'no-var': 'error',
      'object-shorthand': 'error',
      'prefer-const': 'error',
    },
  },
  { files: hotRooms, rules: { 'max-params': 'off' } },
  {
    files: ['src/**/*.ts'],
    ignores: [...tests, 'src/config/**'],
    rules: { 'no-restricted-properties': ['error', processEnv] },
  },
  {
    files: coreRooms,
    ignores: tests,
    rules: {
      'no-restricted-globals': ['error', ...coreGlobals],
      'no-restricted-properties': ['error', ...coreProperties],
      'no-restricted-imports': coreImports([]),
    },
  },
  {
    // The one exception of the design: wire reads proto/ once at start.
    files: ['src/wire/**/*.ts'],
    ignores: tests,
    rules: { 'no-restricted-imports': coreImports(['node:fs', 'node:path', 'node:url']) },
  },
  {
    files: tests,
    rules: {
      '@typescript-eslint/explicit-module-boundary-types': 'off',
      '@typescript-eslint/no-unsafe-assignment': 'off',
      '@typescript-eslint/require-await': 'off',
      '@typescript-eslint/unbound-method': 'off',
      'max-lines-per-function': 'off',
      'max-params': 'off',
      'no-restricted-syntax': ['error', noDefaultExport],
    },
  },
  // Configuration files and command-line programs: their interface is a default export, or the terminal.
  { files: ['*.config.ts'], rules: { 'no-restricted-syntax': ['error', ...syntax] } },
);
