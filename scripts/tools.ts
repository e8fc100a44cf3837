/**
 * The programs that the suites compare Engram with or run on it: built from pinned Go modules, once, into
 * `${ENGRAM_TOOLS:-~/.cache/engram}/NAME-VERSION/`.
 *
 *     npm run tools                      builds everything
 *     npm run tools -- etcd kube h2spec  builds what is named (`etcd-3.6`, `etcd-3.7`, `kube`, `kube-storage`,
 *                                        `etcd-tests`, `h2spec`, `tikv`, `cluster`; `etcd` is both)
 *
 * A build happens in a scratch module of its own, because `go install` refuses modules with replace directives. It is
 * atomic (built aside, then renamed), idempotent, and at most one process builds one tool at a time. What has its
 * sources here (test/tikv-fixture, test/cluster/go-load, test/kubernetes-storage) has their digest for a version, so
 * that an older build is never taken for it.
 */

import { spawn } from 'node:child_process';
import {
  access,
  chmod,
  constants,
  copyFile,
  cp,
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rename,
  rm,
  writeFile,
} from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { recipes, type Recipe, type TestedModule, type ToolName } from './tool-recipes.ts';

export type { ToolName } from './tool-recipes.ts';

/** Where a tool is, or why it is not there: `reason` is a sentence for a `SKIPPED` line. */
export type ToolLookup = { kind: 'found'; path: string } | { kind: 'missing'; reason: string };

/** Which tool to look for. */
export interface ToolOptions {
  /** For etcd's programs `3.7.3` or `3.6.14`. Default: the newest that is pinned. */
  version?: string;
  /** Build the tool if it is absent and Go is there (minutes for Kubernetes). Default: true. */
  build?: boolean;
}

const goDirective = '1.26.0';

/** The directory that holds all built tools. */
export function toolsDirectory(): string {
  return process.env['ENGRAM_TOOLS'] ?? join(homedir(), '.cache', 'engram');
}

/** Finds a tool, building it first if that is allowed and possible. A failed build rejects. */
export async function findTool(name: ToolName, options: ToolOptions = {}): Promise<ToolLookup> {
  const recipe = recipes.find((one) => {
    return one.programs[name] !== undefined && (options.version ?? one.version) === one.version;
  });
  if (recipe === undefined) {
    return { kind: 'missing', reason: `${name} ${options.version ?? ''} is not among the pinned tools` };
  }
  const path = join(directoryOf(recipe), name);
  if (await isExecutable(path)) return { kind: 'found', path };
  if (options.build === false) {
    return {
      kind: 'missing',
      reason: `${name} ${recipe.version} is not built: npm run tools -- ${recipe.words[0]}`,
    };
  }
  if ((await goVersion()) === undefined) {
    return {
      kind: 'missing',
      reason: `${name} ${recipe.version} is not built, and Go is not installed to build it`,
    };
  }
  await build(recipe);
  return { kind: 'found', path };
}

/** The path of a tool, or undefined where `findTool` would give a reason. */
export async function toolPath(name: ToolName, options: ToolOptions = {}): Promise<string | undefined> {
  const lookup = await findTool(name, options);
  return lookup.kind === 'found' ? lookup.path : undefined;
}

/** The recipes that a word of the command line means; throws with the known words for an unknown one. */
export function recipesFor(words: readonly string[]): readonly Recipe[] {
  for (const word of words) {
    if (!recipes.some((recipe) => recipe.words.includes(word))) {
      const known = [...new Set(recipes.flatMap((recipe) => recipe.words))].join(', ');
      throw new Error(`Unknown tool "${word}": known are ${known}`);
    }
  }
  if (words.length === 0) return recipes;
  return recipes.filter((recipe) => recipe.words.some((word) => words.includes(word)));
}

function directoryOf(recipe: Recipe): string {
  return join(toolsDirectory(), `${recipe.name}-${recipe.version}`);
}

async function isExecutable(path: string): Promise<boolean> {
  return await access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}

/** What `go version` prints, or undefined without Go. */
async function goVersion(): Promise<string | undefined> {
  return await run('go', ['version'], homedir()).catch(() => undefined);
}

async function build(recipe: Recipe): Promise<void> {
  const target = directoryOf(recipe);
  await mkdir(toolsDirectory(), { recursive: true });
  const unlock = await lock(`${target}.lock`);
  try {
    const names = Object.keys(recipe.programs);
    const present = await Promise.all(names.map((name) => isExecutable(join(target, name))));
    if (present.every(Boolean)) return;
    await buildAside(recipe, target);
  } finally {
    await unlock();
  }
}

async function buildAside(recipe: Recipe, target: string): Promise<void> {
  const scratch = await mkdtemp(`${target}.build-`);
  const start = performance.now();
  try {
    const module = await moduleToBuild(recipe, scratch);
    const output = join(scratch, 'bin');
    await mkdir(output);
    const command = recipe.tests === undefined ? ['build'] : ['test', '-c', '-tags', recipe.tests.tags ?? ''];
    const mod = recipe.sources === undefined ? '-mod=mod' : '-mod=readonly';
    const flags = [mod, '-trimpath', '-buildvcs=false', '-ldflags', recipe.ldflags ?? ''];
    for (const [name, main] of Object.entries(recipe.programs)) {
      say(`building ${name} ${recipe.version}`);
      await run('go', [...command, ...flags, '-o', join(output, name), main], module);
    }
    for (const kept of recipe.tests?.kept ?? [])
      await cp(join(module, kept), join(output, kept), { recursive: true });
    await rm(target, { recursive: true, force: true });
    await rename(output, target);
    say(`built ${basename(target)} in ${((performance.now() - start) / 1000).toFixed(0)} s`);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/** The directory of the module in which the packages are built: one of this repository, a copy, or the scratch one. */
async function moduleToBuild(recipe: Recipe, scratch: string): Promise<string> {
  if (recipe.sources !== undefined) return recipe.sources;
  if (recipe.tests !== undefined) {
    const copy = join(scratch, 'module');
    await copyWithChanges(recipe.tests, copy);
    return copy;
  }
  await writeFile(join(scratch, 'go.mod'), await goModule(recipe, scratch));
  return scratch;
}

/** The text of the scratch module's go.mod. */
async function goModule(recipe: Recipe, scratch: string): Promise<string> {
  const lines = ['module engram.invalid/tools', '', `go ${goDirective}`, ''];
  for (const [module, version] of Object.entries(recipe.requires)) lines.push(`require ${module} ${version}`);
  if (recipe.staging !== undefined) {
    const { module, version } = recipe.staging;
    for (const replaced of await replacedModules(module, scratch)) {
      lines.push(`replace ${replaced} => ${replaced} ${version}`);
    }
  }
  return `${lines.join('\n')}\n`;
}

/** A copy of the module with its own pins: Go takes no overlay of what is in its module cache. */
async function copyWithChanges({ module, overlay, edits = [] }: TestedModule, copy: string): Promise<void> {
  const { Dir, GoMod } = await downloadedModule(module, dirname(copy));
  await cp(Dir, copy, { recursive: true });
  // Nothing in the module cache may be written, and so in its copy.
  await chmod(copy, 0o755);
  for (const entry of await readdir(copy, { withFileTypes: true, recursive: true })) {
    if (entry.isDirectory()) await chmod(join(entry.parentPath, entry.name), 0o755);
  }
  for (const [path, file] of Object.entries(overlay)) {
    await rm(join(copy, path));
    await copyFile(file, join(copy, path));
  }
  for (const { path, words, by } of edits) {
    const text = await readFile(join(copy, path), 'utf8');
    if (!text.includes(words)) throw new Error(`${module} has no "${words}" in ${path}`);
    await rm(join(copy, path));
    await writeFile(join(copy, path), text.replaceAll(words, by));
  }
  await dropNeighbours(GoMod, copy);
}

/** Takes the published versions of modules that are directories beside the module where that is developed. */
async function dropNeighbours(goMod: string, copy: string): Promise<void> {
  const text = await run('go', ['mod', 'edit', '-json', goMod], copy);
  const { Replace } = JSON.parse(text) as {
    Replace: { Old: { Path: string }; New: { Path: string } }[] | null;
  };
  const beside = (Replace ?? []).filter((one) => one.New.Path.startsWith('../'));
  if (beside.length === 0) return;
  await chmod(join(copy, 'go.mod'), 0o644);
  await chmod(join(copy, 'go.sum'), 0o644);
  await run('go', ['mod', 'edit', ...beside.map((one) => `-dropreplace=${one.Old.Path}`)], copy);
}

async function downloadedModule(module: string, scratch: string): Promise<{ Dir: string; GoMod: string }> {
  const text = await run('go', ['mod', 'download', '-json', module], scratch);
  return JSON.parse(text) as { Dir: string; GoMod: string };
}

/** Modules that the given module's own go.mod replaces by a directory inside itself. */
async function replacedModules(module: string, scratch: string): Promise<string[]> {
  const { GoMod } = await downloadedModule(module, scratch);
  const text = await run('go', ['mod', 'edit', '-json', GoMod], scratch);
  const { Replace } = JSON.parse(text) as { Replace: { Old: { Path: string }; New: { Path: string } }[] };
  return Replace.filter((one) => one.New.Path.startsWith('./')).map((one) => one.Old.Path);
}

/** Takes a lock file that names this process; waits while its owner lives, and takes over from a dead one. */
async function lock(path: string): Promise<() => Promise<void>> {
  const waitMs = 1000;
  const waitsMax = 3600;
  for (let waits = 0; waits < waitsMax; waits++) {
    const file = await open(path, 'wx').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'EEXIST') return undefined;
      throw error;
    });
    if (file !== undefined) {
      await file.writeFile(String(process.pid));
      await file.close();
      return async () => await rm(path, { force: true });
    }
    if (waits === 0) say(`waiting for another process to finish ${basename(path, '.lock')}`);
    await sleep(waitMs);
    // Read after the wait, so that an owner has had the time to write its number.
    const owner = Number(await readFile(path, 'utf8').catch(() => String(process.pid)));
    if (owner !== process.pid && !isAlive(owner)) await rm(path, { force: true });
  }
  throw new Error(`${path} was held for over an hour: remove it if no build is running`);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

/** Runs a program; its standard error is shown, its standard output is the answer. */
async function run(command: string, args: readonly string[], cwd: string): Promise<string> {
  return await new Promise((resolve, reject) => {
    // A workspace or vendor setting of the caller must not reach the scratch module.
    const env = { ...process.env, GOWORK: 'off', GOFLAGS: '', CGO_ENABLED: '0' };
    const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'inherit'] });
    let output = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve(output);
      else reject(new Error(`${command} ${args[0]} ${args.at(-1)} ended with ${code ?? 'a signal'}`));
    });
  });
}

function say(text: string): void {
  process.stderr.write(`tools: ${text}\n`);
}

async function main(words: readonly string[]): Promise<void> {
  const chosen = recipesFor(words);
  if ((await goVersion()) === undefined) throw new Error('Go is not installed: the tools cannot be built');
  for (const recipe of chosen) {
    await build(recipe);
    for (const name of Object.keys(recipe.programs))
      process.stdout.write(`${join(directoryOf(recipe), name)}\n`);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  main(process.argv.slice(2)).catch((error: unknown) => {
    say(error instanceof Error ? error.message : String(error));
    process.exitCode = 1;
  });
}
