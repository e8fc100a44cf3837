/**
 * Makes an npm package of the TiKV client, which is a room of Engram here and stands by itself there:
 *
 *     npm run pack:tikv                makes dist.tikv/package/ and dist.tikv/engram-tikv-VERSION.tgz
 *     npm run pack:tikv -- --out DIR   makes them in DIR
 *
 * What belongs in it is found by following imports from src/tikv/index.ts. One that leaves src/tikv and src/base ends it
 * with an error, and so does a package that is none of Engram's dependencies. Of the barrel of src/base only those names
 * are kept that the client uses, so that only their files go with it. Nothing is published.
 */

import { spawnSync } from 'node:child_process';
import { copyFileSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import ts from 'typescript';

const PACKAGE_NAME = 'engram-tikv';
const ENTRY = 'src/tikv/index.ts';
const BARREL = 'src/base/index.ts';
const PROTOS = 'src/tikv/proto';
const ROOMS = /^src\/(tikv|base)\//;

/** What goes into the package: paths from the root, with slashes. */
export interface PackageContent {
  /** Sources, in the order of their names. */
  readonly files: readonly string[];
  /** The barrel of src/base, with the names that are used. */
  readonly barrel: string;
  /** npm packages that are imported. */
  readonly packages: readonly string[];
}

/** Where the package is. */
export interface Packed {
  readonly directory: string;
  readonly tarball: string;
}

/** Follows the imports below `root`. Throws Error on one that leaves the two rooms. */
export function packageContent(root: string): PackageContent {
  const files = new Set<string>();
  const packages = new Set<string>();
  const baseNames = new Set<string>();
  const waiting = [ENTRY];
  const follow = (from: string, specifier: string): void => {
    const to = relative(root, join(root, dirname(from), specifier)).replaceAll('\\', '/');
    if (!specifier.startsWith('.')) {
      if (!specifier.startsWith('node:')) packages.add(packageOf(specifier));
    } else if (!ROOMS.test(to)) {
      throw new Error(`Cannot pack ${from}: it imports ${to}, which is outside of src/tikv and src/base`);
    } else if (to === BARREL) {
      for (const name of namesFrom(parse(root, from), specifier)) baseNames.add(name);
    } else waiting.push(to);
  };
  const visit = (): void => {
    for (let file = waiting.pop(); file !== undefined; file = waiting.pop()) {
      if (files.has(file)) continue;
      files.add(file);
      for (const specifier of specifiersOf(readFileSync(join(root, file), 'utf8'))) follow(file, specifier);
    }
  };
  visit();
  const barrel = baseNames.size === 0 ? '' : barrelOf(parse(root, BARREL), baseNames);
  for (const specifier of specifiersOf(barrel)) follow(BARREL, specifier);
  visit();
  if (barrel !== '') files.add(BARREL);
  return { files: [...files].sort(), barrel, packages: [...packages].sort() };
}

function specifiersOf(text: string): string[] {
  return ts.preProcessFile(text, true, true).importedFiles.map(({ fileName }) => fileName);
}

function packageOf(specifier: string): string {
  return specifier
    .split('/')
    .slice(0, specifier.startsWith('@') ? 2 : 1)
    .join('/');
}

function parse(root: string, file: string): ts.SourceFile {
  return ts.createSourceFile(file, readFileSync(join(root, file), 'utf8'), ts.ScriptTarget.ESNext);
}

/** The names that a file imports, or exports again, from one specifier. */
function namesFrom(file: ts.SourceFile, specifier: string): string[] {
  const names: string[] = [];
  for (const statement of file.statements) {
    const isImport = ts.isImportDeclaration(statement);
    if (!isImport && !ts.isExportDeclaration(statement)) continue;
    const from = statement.moduleSpecifier;
    if (from === undefined || !ts.isStringLiteral(from) || from.text !== specifier) continue;
    const bindings = isImport ? statement.importClause?.namedBindings : statement.exportClause;
    if (bindings === undefined || (!ts.isNamedImports(bindings) && !ts.isNamedExports(bindings)))
      throw new Error(`Cannot pack ${file.fileName}: what it takes from ${BARREL} must have names`);
    for (const { name, propertyName } of bindings.elements) names.push((propertyName ?? name).text);
  }
  return names;
}

/** The lines of a barrel that export `names`, without the others. */
function barrelOf(barrel: ts.SourceFile, names: ReadonlySet<string>): string {
  const lines: string[] = [];
  for (const statement of barrel.statements) {
    if (!ts.isExportDeclaration(statement)) continue;
    const { exportClause, moduleSpecifier, isTypeOnly } = statement;
    if (exportClause === undefined || !ts.isNamedExports(exportClause) || moduleSpecifier === undefined)
      throw new Error(`Cannot pack ${BARREL}: it may only export names of other files`);
    const kept = exportClause.elements.filter(({ name }) => names.has(name.text));
    if (kept.length === 0) continue;
    const list = kept.map((element) => element.getText(barrel)).join(', ');
    lines.push(`export ${isTypeOnly ? 'type ' : ''}{ ${list} } from ${moduleSpecifier.getText(barrel)};\n`);
  }
  return lines.join('');
}

/** Compiles into `directory`/dist. Throws Error with what the compiler says. */
function compile(root: string, content: PackageContent, directory: string): void {
  const config = ts.getParsedCommandLineOfConfigFile(
    join(root, 'tsconfig.build.json'),
    {},
    {
      ...ts.sys,
      onUnRecoverableConfigFileDiagnostic: (diagnostic) => fail([diagnostic]),
    },
  );
  const outDir = join(directory, 'dist');
  const options = { ...config?.options, outDir, noEmitOnError: true, sourceMap: false };
  const host = ts.createCompilerHost(options);
  const barrel = join(root, BARREL);
  const readFile = host.readFile.bind(host);
  host.readFile = (name) => (relative(barrel, name) === '' ? content.barrel : readFile(name));
  const program = ts.createProgram([join(root, ENTRY)], options, host);
  const { diagnostics } = program.emit(undefined, (name, text) => {
    mkdirSync(dirname(name), { recursive: true });
    writeFileSync(
      name,
      name.endsWith('.d.ts') ? declarations(text, name === join(outDir, 'tikv/index.d.ts')) : text,
    );
  });
  const all = [...ts.getPreEmitDiagnostics(program), ...diagnostics];
  if (all.length > 0) fail(all);
}

/** Imports by `.js`, as every compiler resolves them; and the entry says whose `Buffer` it is. */
function declarations(text: string, isEntry: boolean): string {
  const imports = text.replace(/((?:from|import\()\s*['"]\.[^'"]*)\.ts(['"])/g, '$1.js$2');
  return isEntry ? `/// <reference types="node" />\n${imports}` : imports;
}

function fail(diagnostics: readonly ts.Diagnostic[]): never {
  const { sys } = ts;
  const host = {
    getCanonicalFileName: String,
    getCurrentDirectory: () => sys.getCurrentDirectory(),
    getNewLine: () => '\n',
  };
  throw new Error(`Cannot compile the package:\n${ts.formatDiagnostics(diagnostics, host)}`);
}

interface Manifest {
  readonly version: string;
  readonly license: string;
  readonly engines: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
}

function manifestOf(root: string, packages: readonly string[]): object {
  const text = readFileSync(join(root, 'package.json'), 'utf8');
  const { version, license, engines, dependencies } = JSON.parse(text) as Manifest;
  const pinned = packages.map((name) => {
    const wanted = dependencies[name];
    if (wanted === undefined) throw new Error(`Cannot pack: ${name} is imported, and is no dependency`);
    return [name, wanted];
  });
  return {
    name: PACKAGE_NAME,
    version,
    description:
      'A transactional TiKV client for Node: snapshot reads, optimistic transactions, definite outcomes',
    keywords: ['tikv', 'transactions', 'percolator', 'distributed', 'database', 'key-value', 'client'],
    license,
    type: 'module',
    engines,
    exports: { '.': { types: './dist/tikv/index.d.ts', default: './dist/tikv/index.js' } },
    files: ['dist'],
    sideEffects: false,
    dependencies: Object.fromEntries(pinned) as Record<string, string>,
    // For its types only: Buffer is one of Node's.
    peerDependencies: { '@types/node': '>=20' },
    peerDependenciesMeta: { '@types/node': { optional: true } },
  };
}

/** Makes the package of the sources below `root` in `out`, which is emptied of an earlier one. Throws Error if it cannot. */
export function packTikv(root: string, out: string): Packed {
  const directory = join(out, 'package');
  const content = packageContent(root);
  const manifest = manifestOf(root, content.packages);
  rmSync(directory, { recursive: true, force: true });
  mkdirSync(directory, { recursive: true });
  compile(root, content, directory);
  const copy = (from: string, to: string): void => {
    mkdirSync(dirname(join(directory, to)), { recursive: true });
    copyFileSync(join(root, from), join(directory, to));
  };
  // They are read at run time, beside the code that reads them.
  for (const name of readdirSync(join(root, PROTOS))) copy(`${PROTOS}/${name}`, `dist/tikv/proto/${name}`);
  copy('src/tikv/README.md', 'README.md');
  copy('LICENSE', 'LICENSE');
  writeFileSync(join(directory, 'package.json'), `${JSON.stringify(manifest, null, 2)}\n`);
  const args = ['pack', '--json', '--ignore-scripts', '--pack-destination', out];
  const packed = spawnSync('npm', args, {
    cwd: directory,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  if (packed.status !== 0) throw new Error(`npm pack failed: ${packed.error?.message ?? packed.stderr}`);
  const [{ filename }] = JSON.parse(packed.stdout) as [{ filename: string }];
  return { directory, tarball: join(out, filename) };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = dirname(import.meta.dirname);
  const { values } = parseArgs({ options: { out: { type: 'string', default: join(root, 'dist.tikv') } } });
  try {
    process.stdout.write(`${packTikv(root, values.out).tarball}\n`);
  } catch (error) {
    process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
