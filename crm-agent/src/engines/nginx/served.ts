import { fail } from '@edgeplane/base';
import { nginxErrors } from './errors.js';
import { conflictOf, listenerOf, listenerText, type PublicService, portOf } from './public-service.js';

/** The services of a load balancer, and why some of them are not served although they were accepted. */
export interface Served {
  readonly services: ReadonlyMap<string, PublicService>;
  /** By name of the service. */
  readonly faults: ReadonlyMap<string, string>;
}

export const NOTHING: Served = { services: new Map(), faults: new Map() };

/** What they are with the service, in place of the one of its name. @throws PORT_CONFLICT naming who has the port */
export function withService({ services, faults }: Served, service: PublicService): Served {
  const { name, proto, pathPrefix } = service;
  const other = conflictOf(service, services.values());
  if (other) {
    const port = `${listenerText(portOf(service))}${proto === 'http' ? ` path "/${pathPrefix}"` : ''}`;
    throw fail(nginxErrors.PORT_CONFLICT, { port, name, other: other.name });
  }
  const rest = without({ services, faults }, name);
  return { services: new Map([...rest.services, [name, service]]), faults: rest.faults };
}

export function without({ services, faults }: Served, name: string): Served {
  const others = <T>(map: ReadonlyMap<string, T>) => new Map([...map].filter(([key]) => key !== name));
  return { services: others(services), faults: others(faults) };
}

/** Services that the configuration is to have. */
export function faultless({ services, faults }: Served): readonly PublicService[] {
  return [...services.values()].filter(({ name }) => !faults.has(name));
}

/** Whether there is anything to listen on. */
export function hasPorts(served: Served): boolean {
  return faultless(served).some((service) => listenerOf(service) !== undefined);
}
