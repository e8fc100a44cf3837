import type { Clock, Logger, Random, Scheduler } from '../base/index.ts';
import { prefixEnd } from '../base/index.ts';
import type { Settings } from '../config/index.ts';
import type { Engine } from '../engine/index.ts';

export interface EngineParts {
  readonly clock: Clock;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly logger: Logger;
  /** Ends an opening that waits for others. */
  readonly signal: AbortSignal;
  /** Whether this node leads: then it does what only one node of a cluster has to do. */
  readonly leads: () => boolean;
}

/** The engine of the settings, which is loaded only now. Throws EngineError when its data cannot be used. */
export async function openEngine(settings: Settings, parts: EngineParts): Promise<Engine> {
  const { signal, leads, ...runtime } = parts;
  const logger = parts.logger.child({ room: 'engine' });
  switch (settings.engine) {
    case 'memory': {
      const { MemoryEngine } = await import('../engine/memory/index.ts');
      return new MemoryEngine();
    }
    case 'level': {
      const { LevelEngine } = await import('../engine/level/index.ts');
      return LevelEngine.open({ directory: settings.dataDir, sync: !settings.unsafeNoFsync, logger });
    }
    case 'tikv': {
      const { TikvEngine } = await import('../engine/tikv/index.ts');
      const { tikvCacert: ca, tikvCert: cert, tikvKey: key } = settings;
      const own = Buffer.from(`engram/${settings.keyspace}/`);
      return TikvEngine.open({
        ...{ pd: settings.tikvPd, environment: { ...runtime, logger }, signal },
        name: `engram-${settings.keyspace}-${settings.name}`,
        range: { gte: own, lt: prefixEnd(own) ?? own },
        ...(ca !== undefined && { tls: { ca, cert, key } }),
        ...(settings.tikvGc === 'auto' && { collectsGarbage: leads }),
      });
    }
  }
}
