import type { PublicService } from '../../engines/nginx/index.js';
import type { InstancePort, InstancePorts } from '../public-ports.js';

/** A load balancer that remembers what it is told and serves nothing; it outlives drivers. */
export class TestingPorts implements InstancePorts {
  readonly served = new Map<string, readonly InstancePort[]>();

  async set(instance: string, ports: readonly InstancePort[]): Promise<void> {
    if (ports.length === 0) this.served.delete(instance);
    else this.served.set(instance, ports);
  }

  async keepOnly(instances: ReadonlySet<string>): Promise<void> {
    for (const instance of this.served.keys()) if (!instances.has(instance)) this.served.delete(instance);
  }

  of(instance: string): readonly PublicService[] {
    return (this.served.get(instance) ?? []).map((port) => ({ ...port, name: `${instance} ${port.port}` }));
  }

  async stop(): Promise<void> {}
}
