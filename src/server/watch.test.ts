/** Goal: a watch stream ends as it should whenever it is opened. Method: a real hub behind the service, a stream of the test. */
import { describe, expect, test } from 'vitest';
import { ServiceWorld } from '../../test/support/service-world.ts';

describe.each([
  ['stopped', 'etcdserver: server stopped'],
  ['replaced', 'engram: the log was read anew'],
] as const)('a stream that is opened when the hub has been closed, %s', (code, message) => {
  test.each([[{ hasleader: 'true' }], [{}]])('is told so at once: headers %j', async (headers) => {
    const world = await ServiceWorld.open();
    world.node.leads = true;
    world.context.hub.close(code);
    const stream = world.open('Watch.Watch', headers);
    expect(stream.ended).toBe(true);
    expect(stream.status).toEqual({ code: 14, message });
    expect(world.context.leaderLost.size).toBe(0);
  });
});
