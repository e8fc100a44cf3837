/**
 * The program that etcd's tests start in etcd's place: Engram, with the flags that they give to etcd.
 *
 * What is told apart from Engram here, because it is etcd's text and not what a user looks for: `--version`, and the words
 * that the tests wait for in the log, which are added to Engram's own lines of the same meaning. The two commands of etcd's
 * binary that are programs of their own, in front of a server, stay etcd's.
 */

import { symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ENGRAM_MAIN } from '../support/process.ts';

export interface Programs {
  readonly etcd: string;
  readonly etcdctl: string;
  readonly etcdutl: string;
}

/** Words of Engram's log, as sed finds them -> what etcd says there. */
const WORDS: readonly (readonly [string, string])[] = [
  ['"msg":"serving"', 'ready to serve client requests'],
  ['"msg":"\\(refused a client\\|a TLS handshake failed\\)"', 'rejected connection on client endpoint'],
];

/** Fills the directory of programs that the tests are given. `subject` says what is started as etcd. */
export function placePrograms(directory: string, programs: Programs, subject: 'engram' | 'etcd'): void {
  symlinkSync(programs.etcdctl, join(directory, 'etcdctl'));
  symlinkSync(programs.etcdutl, join(directory, 'etcdutl'));
  if (subject === 'etcd') symlinkSync(programs.etcd, join(directory, 'etcd'));
  else writeFileSync(join(directory, 'etcd'), serverScript(programs.etcd), { mode: 0o755 });
}

/** It becomes the server, so that signals reach that. */
function serverScript(etcd: string): string {
  const edits = WORDS.map(([found, words]) => `-e 's/${found}/&,"as":"${words}"/'`).join(' ');
  return `#!/bin/bash
case "$1" in
  --version) echo 'etcd Version: 3.7.3'; exit ;;
  gateway | grpc-proxy) exec '${etcd}' "$@" ;;
esac
exec > >(exec sed -u ${edits}) 2>&1
exec '${process.execPath}' '${ENGRAM_MAIN}' serve --log-format=json "$@"
`;
}
