/**
 * The house rules that no other tool checks: sizes of files, banned words, pinned versions, no trace of one machine,
 * and that each numbered promise has a test. A rule is a function from files to problems, so that a test can see it fail.
 *
 *     npm run house                what `npm run ok` runs
 *     npm run house -- --promises  also lists the tests that prove each numbered promise
 */

import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** A file of the project: its path from the root, with slashes, and its text. */
export interface SourceFile {
  path: string;
  text: string;
}

/** What is wrong, where, and what to do about it. */
export interface Problem {
  path: string;
  /** Counts from 1; 0 means the file as a whole. */
  line: number;
  message: string;
}

/** A word that is not used here, with what to use in its place. */
interface BannedWord {
  word: RegExp;
  name: string;
  use: string;
  /** Where it is banned. */
  in: RegExp;
  /** Where it is right all the same. */
  except?: RegExp;
}

const linesMax = 600;
const promiseCount = 10;
const code = /\.(ts|js|mjs|cjs)$/;
const typescript = /\.ts$/;
const testFile = /(\.test\.ts$|^test\/)/;
const coreRoom = /^src\/(base|wire|index|log|store|watch|cluster)\//;
/** These name what is banned. */
const self = /^(scripts\/house-rules\.ts|test\/tools\/house-rules\.test\.ts|eslint\.config\.js)$/;

const bannedWords: readonly BannedWord[] = [
  {
    word: /^\s*(export\s+)?(declare\s+)?(const\s+)?enum\s+\w/,
    name: 'enum',
    use: 'a const object or a union of literals',
    in: typescript,
  },
  {
    word: /\bexport\s+default\b|\bas\s+default\b/,
    name: 'a default export',
    use: 'a named export',
    in: typescript,
    except: /^[^/]+\.config\.ts$/,
  },
  { word: /\b(FIXME|TODO|XXX)\b/, name: 'a note to do it later', use: 'the finished thing', in: /./ },
  {
    word: /\bEventEmitter\b/,
    name: 'EventEmitter',
    use: 'a listener that is a constructor argument',
    in: coreRoom,
    except: testFile,
  },
  {
    word: /\bprocess\.env\b/,
    name: 'process.env',
    use: 'a row of the schema in src/config',
    in: /^src\//,
    except: /(^src\/config\/|\.test\.ts$)/,
  },
  {
    word: /\b(utils?|helpers?|misc|common)\.ts\b/,
    name: 'a file without a topic',
    use: 'a file named after the one thing it holds',
    in: /^src\//,
  },
  {
    word: /\bvi\.useFakeTimers\b/,
    name: 'vi.useFakeTimers',
    use: 'an injected Clock and Scheduler',
    in: typescript,
  },
  {
    word: /@ts-(ignore|nocheck)\b/,
    name: '@ts-ignore',
    use: 'a type that is true, or @ts-expect-error with its reason',
    in: typescript,
  },
  {
    word: /\b(describe|test|it)\.only\b/,
    name: 'a test that silences the others (.only)',
    use: 'vitest run -t NAME',
    in: typescript,
  },
];

/** Marks of one machine or one registry, which mean nothing to who clones the repository. */
const foreignMarks: readonly { mark: RegExp; name: string }[] = [
  { mark: /(^|[\s"'`=(:])\/(work|root)\/\w/, name: 'a path of one machine' },
  { mark: /(^|[\s"'`=(:])\/home\/[a-z]\w*\//, name: 'a path of one machine' },
  {
    mark: /\b(registry\.npmjs|registry\.yarnpkg|proxy\.golang|sum\.golang|pypi|files\.pythonhosted|(static\.)?crates|deb\.debian|security\.debian|repo1?\.maven)\.(org|com|io|apache\.org)\b/,
    name: 'the host of a registry',
  },
];

/** No file of code is longer than the hard limit (functions are lint's business). */
export function fileSizes(files: readonly SourceFile[]): Problem[] {
  return files
    .filter(({ path }) => code.test(path))
    .map(({ path, text }) => ({ path, lines: text.split('\n').length - 1 }))
    .filter(({ lines }) => lines > linesMax)
    .map(({ path, lines }) => {
      return {
        path,
        line: 0,
        message: `${lines} lines: ${linesMax} is the limit, move one thing to its own file`,
      };
    });
}

/** "X is banned, use Y." */
export function words(files: readonly SourceFile[]): Problem[] {
  return files
    .filter(({ path }) => (code.test(path) || path.endsWith('.proto')) && !self.test(path))
    .flatMap((file) => bannedWords.flatMap((banned) => wordsIn(file, banned)));
}

function wordsIn(file: SourceFile, banned: BannedWord): Problem[] {
  if (!banned.in.test(file.path) || banned.except?.test(file.path) === true) return [];
  const lines = matchingLines(file.text, banned.word);
  return lines.map((line) => ({
    path: file.path,
    line,
    message: `${banned.name} is banned, use ${banned.use}`,
  }));
}

/** Nothing tracked names a path or a registry that only one machine has. */
export function foreign(files: readonly SourceFile[]): Problem[] {
  return files
    .filter(({ path }) => !self.test(path))
    .flatMap(({ path, text }) => {
      return foreignMarks.flatMap(({ mark, name }) => {
        return matchingLines(text, mark).map((line) => ({ path, line, message: `holds ${name}` }));
      });
    });
}

/** Every dependency is one exact version, and the lock file names no place to fetch it from. */
export function pinned(files: readonly SourceFile[]): Problem[] {
  const problems: Problem[] = [];
  for (const { path, text } of files.filter((file) => /(^|\/)package\.json$/.test(file.path))) {
    const manifest = JSON.parse(text) as Record<string, unknown>;
    for (const section of ['dependencies', 'devDependencies', 'optionalDependencies']) {
      const versions = (manifest[section] ?? {}) as Record<string, string>;
      for (const [name, version] of Object.entries(versions)) {
        if (/^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version)) continue;
        problems.push({ path, line: 0, message: `${name} is "${version}": pin one exact version` });
      }
    }
  }
  for (const { path, text } of files.filter((file) => /(^|\/)package-lock\.json$/.test(file.path))) {
    const lines = matchingLines(text, /^\s*"resolved":/);
    problems.push(
      ...lines.map((line) => ({ path, line, message: 'names where a package was fetched from' })),
    );
  }
  return problems;
}

/** Every source file says at least once, in a doc comment, what it holds. Barrels only list names. */
export function documented(files: readonly SourceFile[]): Problem[] {
  return files
    .filter(({ path }) => /^(src|scripts|bench)\/.*\.ts$/.test(path) && !testFile.test(path))
    .filter(({ path, text }) => !path.endsWith('/index.ts') && !text.includes('/**'))
    .map(({ path }) => ({
      path,
      line: 0,
      message: 'has no doc comment: say what it holds and what it promises',
    }));
}

/** Every `npm` command and every script that a document shows exists. */
export function documentedCommands(files: readonly SourceFile[]): Problem[] {
  const manifest = files.find(({ path }) => path === 'package.json');
  if (manifest === undefined) return [{ path: 'package.json', line: 0, message: 'is missing' }];
  const { scripts } = JSON.parse(manifest.text) as { scripts: Record<string, string> };
  return files
    .filter(({ path }) => path.endsWith('.md'))
    .flatMap(({ path, text }) => {
      return text.split('\n').flatMap((content, index) => {
        const npm = [...content.matchAll(/\bnpm (?:run ([\w:-]+)|(start|test)\b)/g)]
          .filter((match) => !((match[1] ?? match[2] ?? '') in scripts))
          .map((match) => match[0]);
        const bash = [...content.matchAll(/\bbash ([\w./-]+)/g)]
          .filter((match) => !files.some((file) => file.path === match[1]))
          .map((match) => match[0]);
        return [...npm, ...bash].map((shown) => {
          return { path, line: index + 1, message: `shows ${shown}, which does not exist` };
        });
      });
    });
}

/** A test that names a numbered promise in its own name, and so proves a part of it. */
export interface Proof {
  promise: number;
  path: string;
  line: number;
  name: string;
}

/** The name of a test, a group of tests or a suite's check. */
const testName =
  /\b(?:test|it|describe|check)(?:\.\w+)*(?:\((?:[^()]|\([^()]*\))*\))?\(\s*(?:'([^'\n]*)'|"([^"\n]*)"|`([^`\n]*)`)/g;

/** The tests that cite a promise, as `promise 3: ...`, `promises 1, 2 and 5: ...` or `promises 1 to 6: ...`. */
export function proofs(files: readonly SourceFile[]): Proof[] {
  return files
    .filter(({ path }) => testFile.test(path) && !self.test(path))
    .flatMap(({ path, text }) => {
      return [...text.matchAll(testName)].flatMap((match) => {
        const name = match[1] ?? match[2] ?? match[3] ?? '';
        const line = text.slice(0, match.index).split('\n').length;
        return promisesIn(name).map((promise) => ({ promise, path, line, name }));
      });
    });
}

function promisesIn(name: string): number[] {
  const [, list] = /^promises? (\d+(?:(?:, | and | to )\d+)*):? /.exec(name) ?? [];
  const [, first, last] = /^(\d+) to (\d+)$/.exec(list ?? '') ?? [];
  if (first === undefined) return (list?.match(/\d+/g) ?? []).map(Number);
  return Array.from({ length: Number(last) - Number(first) + 1 }, (_, i) => Number(first) + i);
}

/** Each numbered promise is cited by the name of a test. */
export function proven(files: readonly SourceFile[]): Problem[] {
  const cited = new Set(proofs(files).map(({ promise }) => promise));
  return Array.from({ length: promiseCount }, (_, index) => index + 1)
    .filter((number) => !cited.has(number))
    .map((number) => ({ path: 'test', line: 0, message: `no test is named \`promise ${number}: ...\`` }));
}

/** The tests of each promise, for who wants to see what proves it. */
export function listedProofs(files: readonly SourceFile[]): string[] {
  const all = proofs(files);
  return Array.from({ length: promiseCount }, (_, index) => index + 1).flatMap((number) => [
    `promise ${number}`,
    ...all
      .filter(({ promise }) => promise === number)
      .map(({ path, line, name }) => `  ${path}:${line}  ${name}`),
  ]);
}

/** All rules in the order in which they are reported. */
export const rules: readonly ((files: readonly SourceFile[]) => Problem[])[] = [
  fileSizes,
  words,
  foreign,
  pinned,
  documented,
  documentedCommands,
  proven,
];

/** Numbers, from 1, of the lines that match. */
function matchingLines(text: string, pattern: RegExp): number[] {
  return text.split('\n').flatMap((line, index) => (pattern.test(line) ? [index + 1] : []));
}

/** Every text file that git tracks or would track. */
function projectFiles(root: string): SourceFile[] {
  const options = { cwd: root, encoding: 'utf8', maxBuffer: 64 * 2 ** 20 } as const;
  const listed = execFileSync(
    'git',
    ['ls-files', '-z', '--cached', '--others', '--exclude-standard'],
    options,
  );
  const deleted = execFileSync('git', ['ls-files', '-z', '--deleted'], options);
  const gone = new Set(deleted.split('\0'));
  const paths = listed.split('\0').filter((path) => path !== '' && !gone.has(path));
  return paths
    .map((path) => ({ path, content: readFileSync(join(root, path)) }))
    .filter(({ content }) => !content.includes(0))
    .map(({ path, content }) => ({ path, text: content.toString('utf8') }));
}

function main(args: readonly string[]): number {
  const files = projectFiles(dirname(dirname(fileURLToPath(import.meta.url))));
  const problems = rules.flatMap((rule) => rule(files));
  const lines = problems.map(({ path, line, message }) => `${path}${line > 0 ? `:${line}` : ''}: ${message}`);
  if (args.includes('--promises')) lines.push(...listedProofs(files));
  lines.push(`house rules: ${files.length} files, ${problems.length} problems`);
  process.stdout.write(`${lines.join('\n')}\n`);
  return problems.length === 0 ? 0 : 1;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) process.exitCode = main(process.argv.slice(2));
