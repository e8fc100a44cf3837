/** Every server that a file of `deploy/` or a command of a document would start: its arguments and variables. */
import { codeOf, kubernetesFiles, read, yamlFile, yamlOf } from './files.ts';
import type { Compose, KubeObject, Kustomization, PodSpec } from './shapes.ts';

export interface DeployedServer {
  /** The file, and which server in it. */
  readonly where: string;
  /** Without the program and `serve`. */
  readonly args: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
}

/** What Kubernetes puts in the place of references. */
const FIELDS: Readonly<Record<string, string>> = {
  'metadata.name': 'engram-0',
  'metadata.namespace': 'engram',
};

/** The pod in an object, where it has one. Other kinds have templates of something else. */
export function podOf({ kind, spec }: Partial<KubeObject>): PodSpec | undefined {
  if (kind === 'Pod') return spec;
  return kind === 'StatefulSet' ? spec?.template?.spec : undefined;
}

export const isEngram = (container: { readonly image?: string }): boolean =>
  /(^|\/)engram:/.test(container.image ?? '');

/** The servers of pods, with the values of a config map of these literals. */
export function serversOfPods(
  objects: readonly KubeObject[],
  where: string,
  literals: Readonly<Record<string, string>>,
): DeployedServer[] {
  return objects.flatMap((object) => {
    const containers = podOf(object)?.containers.filter(isEngram) ?? [];
    return containers.map(({ args, env = [] }) => {
      const variables = new Map<string, string>();
      for (const { name, value, valueFrom } of env) {
        const { fieldRef, configMapKeyRef } = valueFrom ?? {};
        const found = value ?? FIELDS[fieldRef?.fieldPath ?? ''] ?? literals[configMapKeyRef?.key ?? ''];
        if (found === undefined) throw new Error(`${where}: the variable ${name} has no value`);
        variables.set(name, found);
      }
      const replaced = args.map((argument) =>
        argument.replaceAll(/\$\((\w+)\)/g, (reference, name: string) => {
          const value = variables.get(name);
          if (value === undefined) throw new Error(`${where}: nothing defines ${reference}`);
          return value;
        }),
      );
      const environment = Object.fromEntries([...variables].filter(([name]) => name.startsWith('ENGRAM_')));
      return { where: `${where}, ${object.kind}`, args: withoutServe(replaced), environment };
    });
  });
}

/** `key=value` of a kustomization's generators. */
export function literalsOf({ configMapGenerator }: Kustomization): Record<string, string> {
  const literals = configMapGenerator.flatMap((generator) => generator.literals);
  return Object.fromEntries(
    literals.map((each) => [each.slice(0, each.indexOf('=')), each.slice(each.indexOf('=') + 1)]),
  );
}

/** All of them. */
export function deployedServers(): DeployedServer[] {
  const base = literalsOf(yamlOf('deploy/kubernetes/base/kustomization.yaml'));
  const pods = kubernetesFiles().flatMap((path) => serversOfPods(yamlFile(path), path, base));
  return [...pods, ...composed(), ...units(), image(), ...documented()];
}

function composed(): DeployedServer[] {
  const path = 'deploy/compose.yaml';
  return Object.entries(yamlOf<Compose>(path).services)
    .filter(([, service]) => isEngram(service))
    .map(([name, { command, environment = {} }]) => ({
      ...{ where: `${path}, ${name}`, args: withoutServe(command), environment },
    }));
}

/** The command of the unit with each of the files that can be its configuration. */
function units(): DeployedServer[] {
  const unit = read('deploy/systemd/engram.service');
  const words = /^ExecStart=(.*)$/m.exec(unit)?.[1]?.replaceAll('%H', 'control-plane-1').split(/\s+/) ?? [];
  const args = words.slice(words.findIndex((word) => word.endsWith('/main.js')) + 1);
  return ['deploy/systemd/engram.yaml', 'deploy/systemd/engram-tikv.yaml'].map((path) => ({
    where: `the unit with ${path}`,
    args: withoutServe(args).map((each) =>
      each === '--config-file=/etc/engram/engram.yaml' ? `--config-file=${path}` : each,
    ),
    environment: {},
  }));
}

function image(): DeployedServer {
  const text = read('deploy/Dockerfile');
  const args = JSON.parse(/^CMD (\[.*\])$/m.exec(text)?.[1] ?? '[]') as string[];
  const variables = [...text.matchAll(/\b(ENGRAM_\w+)=(\S+)/g)].map(([, name, value]) => [name!, value!]);
  return {
    where: 'deploy/Dockerfile',
    args: withoutServe(args),
    environment: Object.fromEntries(variables) as Record<string, string>,
  };
}

/** Commands of documents that start a server: `engram serve ...`, `npm start -- ...`, `docker run ... engram:... serve`. */
function documented(): DeployedServer[] {
  return ['README.md', 'deploy/README.md', 'docs/operations.md'].flatMap((path) =>
    codeOf(read(path)).commands.flatMap((command) => {
      const tail = /(?:^|\s)(?:engram(?::\S+)? serve|npm start --|main\.js serve)(?:\s+(.*))?$/.exec(
        command,
      )?.[1];
      if (tail === undefined) return [];
      return [{ where: `${path}: ${command}`, args: tail.split(/\s+/), environment: {} }];
    }),
  );
}

function withoutServe(args: readonly string[]): string[] {
  if (args[0] !== 'serve') throw new Error(`a server is started by "serve", not by "${args[0]}"`);
  return args.slice(1);
}
