import { ConfigError } from './errors.ts';
import type { Given } from './flags.ts';
import { nearest } from './nearest.ts';
import { environmentName, SCHEMA } from './schema.ts';

/** Variables that belong to the development tools of this repository, not to the server. */
const TOOL_VARIABLES = new Set(['ENGRAM_TOOLS']);

/**
 * What Kubernetes sets in every pod for a service named engram, or engram-SOMETHING, of its namespace:
 * https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables
 */
const ofService =
  /^ENGRAM_(\w+_)?(SERVICE_HOST|SERVICE_PORT(_\w+)?|PORT_\d+_(TCP|UDP|SCTP)(_PROTO|_PORT|_ADDR)?)$/;
/** As above, but told by the value as well: `ENGRAM_PORT=2379` is somebody's mistake. */
const portOfService = /^ENGRAM_(\w+_)?PORT=(tcp|udp|sctp):\/\//;

/** The settings among the environment's variables. */
export function readEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
  warn: (message: string) => void,
): Given {
  const given: Given = new Map();
  const flagsByVariable = new Map(Object.values(SCHEMA).map((row) => [environmentName(row.flag), row.flag]));
  for (const [variable, text] of Object.entries(environment)) {
    if (text === undefined || !variable.startsWith('ENGRAM_') || TOOL_VARIABLES.has(variable)) continue;
    const flag = flagsByVariable.get(variable);
    if (flag !== undefined) {
      given.set(flag, { text, origin: variable });
      continue;
    }
    if (ofService.test(variable) || portOfService.test(`${variable}=${text}`)) continue;
    const suggestion = nearest(variable, flagsByVariable.keys());
    const hint = suggestion === undefined ? '' : `; did you mean ${suggestion}?`;
    throw new ConfigError('unknownFlag', `Unknown variable ${variable}${hint}`);
  }
  warnOfEtcd(environment, warn);
  return given;
}

function warnOfEtcd(
  environment: Readonly<Record<string, string | undefined>>,
  warn: (message: string) => void,
): void {
  const names = Object.keys(environment).filter(
    (name) => name.startsWith('ETCD_') && name !== 'ETCD_UNSUPPORTED_ARCH',
  );
  if (names.length === 0) return;
  warn(`ETCD_ variables are not read, use ENGRAM_ ones: ${names.sort().join(', ')}`);
}
