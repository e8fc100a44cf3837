/**
 * The programs that the suites compare Engram with or run on it: built from pinned Go modules, once, into
 * `${ENGRAM_TOOLS:-~/.cache/engram}/NAME-VERSION/`.
 *
 *     npm run tools                      builds everything
 *     npm run tools -- etcd kube h2spec  builds what is named (`etcd-3.6`, `etcd-3.7`, `kube`, `h2spec`, `tikv`,
 *                                        `cluster`; `etcd` is both)
 *
 * A build happens in a scratch module of its own, because `go install` refuses modules with replace directives. It is
 * atomic (built aside, then renamed), idempotent, and at most one process builds one tool at a time. What has its
 * sources here (test/tikv-fixture, test/cluster/go-load) has their digest for a version, so that an older build is never taken for it.
 */

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { access, constants, mkdir, mkdtemp, open, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import { basename, dirname, join, relative } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

/** A program that some suite runs. */
export type ToolName =
  | 'etcd'
  | 'etcdctl'
  | 'etcdutl'
  | 'kube-apiserver'
  | 'kubectl'
  | 'h2spec'
  | 'tikv-fixture'
  | 'tikv-fixture-check'
  | 'tikv-fixture-bench'
  | 'cluster-load';

/** Where a tool is, or why it is not there: `reason` is a sentence for a `SKIPPED` line. */
export type ToolLookup = { kind: 'found'; path: string } | { kind: 'missing'; reason: string };

/** Which tool to look for. */
export interface ToolOptions {
  /** For etcd's programs `3.7.3` or `3.6.14`. Default: the newest that is pinned. */
  version?: string;
  /** Build the tool if it is absent and Go is there (minutes for Kubernetes). Default: true. */
  build?: boolean;
}

/** What to build in one module. */
export interface Recipe {
  /** Directory name without the version. */
  name: string;
  version: string;
  /** What `npm run tools -- WORD` may call it. */
  words: readonly string[];
  /** The module that holds the main packages, if it is one of this repository; else a scratch module is made. */
  sources?: string;
  /** Name of the binary -> its main package. */
  programs: Partial<Record<ToolName, string>>;
  /** Module -> version, as in a require directive. */
  requires: Record<string, string>;
  /** Module whose replaced (staging) modules are all taken at a published version instead. */
  staging?: { module: string; version: string };
  ldflags?: string;
}

const goDirective = '1.26.0';

function etcdRecipe(version: string, words: readonly string[]): Recipe {
  const root = 'go.etcd.io/etcd';
  return {
    name: 'etcd',
    version,
    words: ['etcd', ...words],
    programs: {
      etcd: `${root}/server/v3`,
      etcdctl: `${root}/etcdctl/v3`,
      etcdutl: `${root}/etcdutl/v3`,
    },
    requires: {
      [`${root}/server/v3`]: `v${version}`,
      [`${root}/etcdctl/v3`]: `v${version}`,
      [`${root}/etcdutl/v3`]: `v${version}`,
    },
    ldflags: '-s -w',
  };
}

/** Kubernetes reads its version from variables that its own build sets; without them it reports v0.0.0-master. */
function kubernetesLdflags(version: string, major: string, minor: string): string {
  const values = { gitVersion: `v${version}`, gitMajor: major, gitMinor: minor, gitTreeState: 'clean' };
  const flags = Object.entries(values).flatMap(([name, value]) => [
    `-X k8s.io/component-base/version.${name}=${value}`,
    `-X k8s.io/client-go/pkg/version.${name}=${value}`,
  ]);
  return ['-s -w', ...flags].join(' ');
}

/** The TiKV-protocol server that the suites of the TiKV client and engine run on, and its companions. */
function fixtureRecipe(): Recipe {
  const sources = sourcesAt('test', 'tikv-fixture');
  return {
    name: 'tikv-fixture',
    version: digestOf(sources),
    words: ['tikv', 'tikv-fixture'],
    sources,
    programs: {
      'tikv-fixture': './cmd/tikv-fixture',
      'tikv-fixture-check': './cmd/check',
      'tikv-fixture-bench': './cmd/bench',
    },
    requires: {},
    ldflags: '-s -w',
  };
}

/** A load on a cluster by etcd's own Go client, for test:cluster. */
function clusterLoadRecipe(): Recipe {
  const sources = sourcesAt('test', 'cluster', 'go-load');
  return {
    name: 'cluster-load',
    version: digestOf(sources),
    words: ['cluster', 'cluster-load'],
    sources,
    programs: { 'cluster-load': '.' },
    requires: {},
    ldflags: '-s -w',
  };
}

function sourcesAt(...path: readonly string[]): string {
  return join(dirname(dirname(fileURLToPath(import.meta.url))), ...path);
}

/** Short, over the paths and bytes of a module's files. */
function digestOf(directory: string): string {
  const files = readdirSync(directory, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && /(\.go|^go\.(mod|sum))$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
  const hash = createHash('sha256');
  for (const file of files.toSorted()) {
    const content = readFileSync(file);
    hash.update(`${relative(directory, file)}\0${content.length}\0`).update(content);
  }
  return hash.digest('hex').slice(0, 12);
}

const recipes: readonly Recipe[] = [
  etcdRecipe('3.7.3', ['etcd-3.7', 'etcd-3.7.3']),
  etcdRecipe('3.6.14', ['etcd-3.6', 'etcd-3.6.14']),
  {
    name: 'kubernetes',
    version: '1.37.0',
    words: ['kube', 'kubernetes', 'kube-apiserver', 'kubectl'],
    programs: {
      'kube-apiserver': 'k8s.io/kubernetes/cmd/kube-apiserver',
      kubectl: 'k8s.io/kubernetes/cmd/kubectl',
    },
    requires: { 'k8s.io/kubernetes': 'v1.37.0' },
    staging: { module: 'k8s.io/kubernetes@v1.37.0', version: 'v0.37.0' },
    ldflags: kubernetesLdflags('1.37.0', '1', '37'),
  },
  {
    name: 'h2spec',
    version: '2.2.1',
    words: ['h2spec'],
    programs: { h2spec: 'github.com/summerwind/h2spec/cmd/h2spec' },
    requires: {
      'github.com/summerwind/h2spec': 'v2.2.1+incompatible',
      // h2spec has no go.mod of its own, so its dependencies are pinned here.
      'github.com/fatih/color': 'v1.19.0',
      'github.com/spf13/cobra': 'v1.10.2',
      'golang.org/x/net': 'v0.62.0',
    },
    ldflags: '-s -w',
  },
  fixtureRecipe(),
  clusterLoadRecipe(),
];

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
    if (recipe.sources === undefined)
      await writeFile(join(scratch, 'go.mod'), await goModule(recipe, scratch));
    const module = recipe.sources ?? scratch;
    const output = join(scratch, 'bin');
    await mkdir(output);
    for (const [name, main] of Object.entries(recipe.programs)) {
      say(`building ${name} ${recipe.version}`);
      const mod = recipe.sources === undefined ? '-mod=mod' : '-mod=readonly';
      const flags = [mod, '-trimpath', '-buildvcs=false', '-ldflags', recipe.ldflags ?? ''];
      await run('go', ['build', ...flags, '-o', join(output, name), main], module);
    }
    await rm(target, { recursive: true, force: true });
    await rename(output, target);
    say(`built ${basename(target)} in ${((performance.now() - start) / 1000).toFixed(0)} s`);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
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

/** Modules that the given module's own go.mod replaces by a directory inside itself. */
async function replacedModules(module: string, scratch: string): Promise<string[]> {
  const downloaded = JSON.parse(await run('go', ['mod', 'download', '-json', module], scratch)) as {
    GoMod: string;
  };
  const text = await run('go', ['mod', 'edit', '-json', downloaded.GoMod], scratch);
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
