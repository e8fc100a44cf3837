/** The files of `deploy/` and the documents about them, read and taken apart. */
import { readdirSync, readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { parseAllDocuments } from 'yaml';

export const root = join(import.meta.dirname, '..', '..');
export const deployDirectory = join(root, 'deploy');

export const read = (path: string): string => readFileSync(join(root, path), 'utf8');

/** Paths from the root, sorted. */
export function deployFiles(ending: RegExp): string[] {
  return readdirSync(deployDirectory, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && ending.test(entry.name))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))
    .sort();
}

/** Every document of a text, taken for a `T`; throws on what is not YAML, or has a key twice. */
export function parseYaml<T>(text: string, name: string): T[] {
  return parseAllDocuments(text, { merge: true, uniqueKeys: true }).map((document) => {
    const problem = document.errors[0] ?? document.warnings[0];
    if (problem !== undefined) throw new Error(`${name}: ${problem.message}`);
    return document.toJS() as T;
  });
}

export const yamlFile = <T>(path: string): T[] => parseYaml<T>(read(path), path);

/** The first, or only, document of a file. */
export const yamlOf = <T>(path: string): T => yamlFile<T>(path)[0]!;

/** What is for Kubernetes' own API: all objects of a file. */
export const kubernetesFiles = (): string[] =>
  deployFiles(/\.yaml$/).filter((path) => /\/(kubernetes|kubeadm)\//.test(path));

/** The code of a markdown text: whole blocks (fenced or indented, lines that end with a backslash joined), and spans. */
export function codeOf(markdown: string): { readonly commands: string[]; readonly spans: string[] } {
  const block = /^```\w*\n([\s\S]*?)^```$|(?:^(?: {4}.*)?\n)+/gm;
  const commands = [...markdown.matchAll(block)]
    .flatMap(([all, fenced]) => (fenced ?? all).replaceAll(/\\\n\s*/g, '').split('\n'))
    .map((line) => line.replace(/\s+#\s.*$/, '').trim())
    .filter((line) => line !== '');
  const spans = [...markdown.replaceAll(block, '\n').matchAll(/`([^`\n]+(?:\n[^`\n]+)?)`/g)].map((match) =>
    match[1]!.replaceAll('\n', ' '),
  );
  return { commands, spans };
}
