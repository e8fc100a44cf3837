/**
 * Makes a checkout ready to run: installs the locked packages and compiles the sources, each only when needed. It runs
 * before `npm start` and `npm test`, so it is plain JavaScript and imports nothing that must be installed first.
 *
 *     node scripts/bootstrap.mjs          installs and builds what is out of date
 *     node scripts/bootstrap.mjs --build  compiles in any case
 *
 * Whether the packages are there is read from npm's own record of what it installed; whether `dist/` is up to date,
 * from a digest of everything that was compiled, kept in `dist/.stamp`.
 */

import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const nodeMinimum = [20, 19];

function main() {
  requireNode();
  if (!packagesAreInstalled()) {
    say('installing the locked packages');
    // TypeScript is a development dependency, so that these are needed also where NODE_ENV says production.
    npm(['ci', '--include=dev']);
  }
  const digest = digestOfSources();
  if (process.argv.includes('--build') || readText(join(root, 'dist', '.stamp')) !== digest) build(digest);
}

function requireNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > nodeMinimum[0] || (major === nodeMinimum[0] && minor >= nodeMinimum[1])) return;
  fail(`Node ${process.versions.node} is too old: Engram needs ${nodeMinimum.join('.')} or newer`);
}

/** True if npm's record of node_modules holds every locked package at its locked version. */
function packagesAreInstalled() {
  const record = readText(join(root, 'node_modules', '.package-lock.json'));
  if (record === undefined) return false;
  const wanted = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages;
  const installed = JSON.parse(record).packages;
  for (const [path, entry] of Object.entries(wanted)) {
    if (path === '') continue;
    const found = installed[path];
    // Optional packages are for one platform each; npm leaves out those of the others.
    if (found === undefined && entry.optional === true) continue;
    if (found === undefined || found.version !== entry.version) return false;
    if (!existsSync(join(root, path))) return false;
  }
  return true;
}

/** A digest over the path and content of every file that compiling reads or copies. */
function digestOfSources() {
  const files = ['package-lock.json', 'tsconfig.json', 'tsconfig.build.json'].map((name) => join(root, name));
  files.push(...sourcesIn(join(root, 'src')));
  const hash = createHash('sha256');
  for (const file of files) {
    const content = readFileSync(file);
    hash.update(`${relative(root, file)}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex');
}

function sourcesIn(directory) {
  const found = [];
  for (const entry of readdirSync(directory, { withFileTypes: true, recursive: true })) {
    const compiled = entry.name.endsWith('.ts') && !/\.(test|bench)\.ts$/.test(entry.name);
    if (entry.isFile() && (compiled || isCopied(entry.name)))
      found.push(join(entry.parentPath ?? entry.path, entry.name));
  }
  return found.sort();
}

/** Files that are read at run time, beside the code that reads them. */
function isCopied(name) {
  return name.endsWith('.proto');
}

/** Compiles beside `dist/` and swaps, so that nothing ever runs half a build or a file whose source is gone. */
function build(digest) {
  const next = join(root, `dist.next-${process.pid}`);
  const old = join(root, `dist.old-${process.pid}`);
  const start = Date.now();
  try {
    const compiler = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
    run(process.execPath, [compiler, '-p', 'tsconfig.build.json', '--outDir', next, '--noEmitOnError']);
    const sources = join(root, 'src');
    for (const file of sourcesIn(sources).filter(isCopied)) {
      const copy = join(next, relative(sources, file));
      mkdirSync(dirname(copy), { recursive: true });
      copyFileSync(file, copy);
    }
    writeFileSync(join(next, '.stamp'), digest);
    const dist = join(root, 'dist');
    if (existsSync(dist)) renameSync(dist, old);
    renameSync(next, dist);
  } finally {
    rmSync(next, { recursive: true, force: true });
    rmSync(old, { recursive: true, force: true });
  }
  say(`built dist/ in ${((Date.now() - start) / 1000).toFixed(1)} s`);
}

function npm(args) {
  const script = process.env.npm_execpath;
  if (script === undefined) run('npm', args);
  else run(process.execPath, [script, ...args]);
}

/** Runs a command to its end. Its output goes to standard error, because ours may be read by a program. */
function run(command, args) {
  const result = spawnSync(command, args, { cwd: root, stdio: ['ignore', 2, 2] });
  if (result.error !== undefined) throw new Error(`Cannot run ${command}: ${result.error.message}`);
  if (result.status !== 0) throw new Error(`${command} ended with ${result.status ?? result.signal}`);
}

function readText(path) {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}

function say(text) {
  process.stderr.write(`bootstrap: ${text}\n`);
}

function fail(text) {
  say(text);
  process.exit(1);
}

try {
  main();
} catch (error) {
  fail(error.message);
}
