import type { Service } from '../transport/index.ts';
import { clusterService } from './cluster.ts';
import type { ServerContext } from './context.ts';
import { counted, type MethodCounters } from './counters.ts';
import type { HealthService } from './health.ts';
import { kvService } from './kv.ts';
import { leaseService } from './lease.ts';
import { maintenanceService } from './maintenance.ts';
import { watchService } from './watch.ts';

/** All services of a server, counting their calls into `counters`. */
export function etcdServices(
  context: ServerContext,
  health: HealthService,
  counters: MethodCounters[],
): Service[] {
  const services = [
    kvService(context),
    watchService(context),
    leaseService(context),
    clusterService(context),
    maintenanceService(context),
    health.service,
  ];
  return services.map((service) => counted(service, counters));
}
