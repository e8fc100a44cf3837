/** Goal: the settings of the tikv engine, and every way in which they make no sense. */
import { describe, expect, test } from 'vitest';
import { ConfigError } from './errors.ts';
import { readSettings } from './settings.ts';

const TIKV = ['--engine=tikv', '--tikv-pd=pd-1:2379,pd-2:2379'];

async function refusal(...args: string[]): Promise<string> {
  const error: unknown = await readSettings({ args, environment: {} }).catch((caught: unknown) => caught);
  if (!(error instanceof ConfigError)) throw new Error(`nothing was refused: ${JSON.stringify(error)}`);
  return error.message;
}

describe('the tikv engine', () => {
  test('needs its placement drivers and nothing else', async () => {
    const { settings, warnings } = await readSettings({ args: TIKV, environment: {} });
    expect(warnings).toEqual([]);
    expect(settings).toMatchObject({ engine: 'tikv', tikvPd: ['pd-1:2379', 'pd-2:2379'], tikvGc: 'auto' });
    expect(settings.tikvCacert).toBeUndefined();
    expect(await refusal('--engine=tikv')).toBe('--engine tikv needs --tikv-pd');
  });

  test.each([
    'pd',
    'pd:',
    'pd:0',
    'pd:65536',
    'http://pd:2379',
    'pd:2379/x',
    'a:1,,b:2',
    '::1:2379',
    'a b:1',
  ])('refuses %j for an address', async (address) => {
    expect(await refusal('--engine=tikv', `--tikv-pd=${address}`)).toContain(
      '--tikv-pd must be host:port addresses as in pd-1:2379,pd-2:2379, not "',
    );
  });

  test('takes names, IPv4 and IPv6 addresses, and none of them twice', async () => {
    const { settings } = await readSettings({
      args: ['--tikv-pd=[::1]:2379, 10.0.0.1:1, pd.a-b.svc:2'],
      environment: {},
    });
    expect(settings.tikvPd).toEqual(['[::1]:2379', '10.0.0.1:1', 'pd.a-b.svc:2']);
    expect(await refusal('--tikv-pd=a:1,a:1')).toContain('names an address twice');
  });

  test('takes a certificate only whole, and with its authority', async () => {
    expect(await refusal(...TIKV, '--tikv-cert=c')).toBe('--tikv-cert needs --tikv-key');
    expect(await refusal(...TIKV, '--tikv-key=k')).toBe('--tikv-key needs --tikv-cert');
    expect(await refusal(...TIKV, '--tikv-key=k', '--tikv-cert=c')).toBe('--tikv-cert needs --tikv-cacert');
    const whole = [...TIKV, '--tikv-cacert=a', '--tikv-cert=c', '--tikv-key=k'];
    const { settings } = await readSettings({ args: whole, environment: {} });
    expect(settings).toMatchObject({ tikvCacert: 'a', tikvCert: 'c', tikvKey: 'k' });
  });

  test('promise 7: refuses requests that no entry of its log can hold', async () => {
    expect(await refusal(...TIKV, '--max-request-bytes=5MiB')).toBe(
      '--max-request-bytes must be at most 4194304 with --engine tikv, not 5242880',
    );
  });

  test('is not what is used when only its flags are given', async () => {
    const { settings, warnings } = await readSettings({ args: ['--tikv-pd=a:1'], environment: {} });
    expect(settings.engine).toBe('level');
    expect(warnings).toEqual(['--tikv-pd is ignored, because the engine is level']);
    expect(await refusal('--tikv-gc=on')).toContain('--tikv-gc must be one of auto, off, not "on"');
  });
});
