import { type Clock, fail, isKind, type Logger, messageOf, type Random } from '@edgeplane/base';
import { LoadBalancer, nginxErrors, type PublicService } from '../engines/nginx/index.js';
import { agentErrors } from '../errors.js';

/** How the HTTP ports of a site are opened. */
export interface HttpSettings {
  /** Port of the host in place of the one that AppInsts name, for a site behind a translation; 0: the one they name. */
  readonly port: number;
  /** Files of a certificate and its key; plain HTTP without. */
  readonly tls?: { readonly certificate: string; readonly key: string } | undefined;
}

export interface PublicPortsOptions {
  readonly stateDir: string;
  readonly http: HttpSettings;
  readonly logger: Logger;
  readonly clock: Clock;
  readonly random: Random;
}

/** A public port of an instance. */
export type InstancePort = Omit<PublicService, 'name'>;

/** Public ports by instance. */
export interface InstancePorts {
  set(instance: string, ports: readonly InstancePort[]): Promise<void>;
  keepOnly(instances: ReadonlySet<string>): Promise<void>;
  of(instance: string): readonly PublicService[];
  stop(workloads: 'keep' | 'stop'): Promise<void>;
}

/** The load balancer of a site as its instances use it, each with a set of ports; or the reason why there is none. */
export class PublicPorts implements InstancePorts {
  readonly #balancer: LoadBalancer | undefined;
  readonly #reason: string;
  readonly #httpPort: number;

  private constructor(balancer: LoadBalancer | undefined, reason: string, httpPort: number) {
    this.#balancer = balancer;
    this.#reason = reason;
    this.#httpPort = httpPort;
  }

  /** Never fails for want of nginx: then instances that need it fail, and say why. */
  static async open(options: PublicPortsOptions): Promise<PublicPorts> {
    const { stateDir, http, logger, clock, random } = options;
    try {
      const balancer = await LoadBalancer.open({ stateDir, clock, random, logger, tls: http.tls });
      return new PublicPorts(balancer, '', http.port);
    } catch (error) {
      if (!isKind(error, nginxErrors.NGINX_NOT_INSTALLED)) throw error;
      logger.warn({ reason: messageOf(error) }, 'There is no load balancer');
      return new PublicPorts(undefined, messageOf(error), http.port);
    }
  }

  /**
   * Makes the instance have these ports and no others. @throws what keeps one of them from being served, naming it;
   * some may be served then
   */
  async set(instance: string, ports: readonly InstancePort[]): Promise<void> {
    const services = ports.map((port) => this.#service(instance, port));
    const wanted = new Set(services.map(({ name }) => name));
    const gone = this.#namesOf((owner) => owner === instance).filter((name) => !wanted.has(name));
    if (services.length > 0 && !this.#balancer)
      throw fail(agentErrors.NO_LOAD_BALANCER, {
        ports: services.map(({ port }) => port).join(', '),
        reason: this.#reason,
      });
    await this.#all([
      ...gone.map((name) => this.#balancer?.remove(name)),
      ...services.map((service) => this.#balancer?.ensure(service)),
    ]);
  }

  /** Closes the ports of instances that are not among these. */
  async keepOnly(instances: ReadonlySet<string>): Promise<void> {
    const gone = this.#namesOf((owner) => !instances.has(owner));
    await this.#all(gone.map((name) => this.#balancer?.remove(name)));
  }

  /** What is served for the instance, or remembered to be. */
  of(instance: string): readonly PublicService[] {
    const all = this.#balancer?.list() ?? [];
    return all.map(({ service }) => service).filter(({ name }) => ownerOf(name) === instance);
  }

  async stop(workloads: 'keep' | 'stop'): Promise<void> {
    await this.#balancer?.stop(workloads);
  }

  #service(instance: string, port: InstancePort): PublicService {
    const number = port.proto === 'http' && this.#httpPort > 0 ? this.#httpPort : port.port;
    return { ...port, port: number, name: `${instance} ${port.proto}:${number}/${port.pathPrefix}` };
  }

  #namesOf(wanted: (owner: string) => boolean): readonly string[] {
    const names = (this.#balancer?.list() ?? []).map(({ service }) => service.name);
    return names.filter((name) => wanted(ownerOf(name)));
  }

  /** Waits for the end of all, so that nothing goes on when it fails. */
  async #all(work: readonly (Promise<void> | undefined)[]): Promise<void> {
    const failed = (await Promise.allSettled(work)).find((end) => end.status === 'rejected');
    if (failed) throw failed.reason;
  }
}

/** Neither protocols, numbers nor paths have blanks. */
function ownerOf(name: string): string {
  return name.slice(0, name.lastIndexOf(' '));
}
