import { describe, expect, test } from 'vitest';
import { createLogger } from './logger.ts';

function lines(
  format: 'json' | 'console',
  level: 'debug' | 'warn' = 'debug',
): [ReturnType<typeof createLogger>, string[]] {
  const written: string[] = [];
  return [createLogger({ level, format, write: (line) => written.push(line) }), written];
}

describe('log lines', () => {
  test('are JSON objects with level, time, message and fields', () => {
    const [logger, written] = lines('json');
    logger.child({ room: 'store' }).info('opened', { revision: 7 });
    expect(written).toHaveLength(1);
    const line = JSON.parse(written[0]!) as Record<string, unknown>;
    expect(line).toMatchObject({ level: 'info', msg: 'opened', room: 'store', revision: 7 });
    expect(Number.isNaN(Date.parse(String(line['ts'])))).toBe(false);
  });

  test('show an error with its stack', () => {
    const [logger, written] = lines('json');
    logger.error('failed', { error: new Error('why') });
    expect(written[0]).toContain('logger.test.ts');
  });

  test('below the level are not written', () => {
    const [logger, written] = lines('json', 'warn');
    logger.info('no');
    logger.warn('yes');
    expect(written).toHaveLength(1);
  });

  test('are for people on a terminal', () => {
    const [logger, written] = lines('console');
    logger.warn('slow', { ms: 12, what: 'commit' });
    logger.error('failed', { error: new Error('why') });
    expect(written[0]).toMatch(/^\d\d:\d\d:\d\d\.\d{3} warn {2}slow {2}ms=12 what=commit\n$/);
    expect(written[1]).toContain('error=why\nError: why');
  });
});
