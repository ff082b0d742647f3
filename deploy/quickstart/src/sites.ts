/** The sites of deploy/samples/quickstart.yaml, and places on the map from which a client asks. */

export interface Site {
  /** Cloudlet name. */
  readonly name: string;
  /** Last part of the loopback address that stands for the site's public address. */
  readonly host: number;
  /** What it needs to be real. */
  readonly needs: readonly ('podman' | 'qemu')[];
}

export const OPERATOR = 'acme-mobile';
export const DEVELOPER = 'hello-inc';

export const SITES: readonly Site[] = [
  { name: 'berlin', host: 1, needs: ['podman'] },
  { name: 'munich', host: 2, needs: ['podman', 'qemu'] },
];

export interface Visit {
  readonly app: string;
  readonly from: string;
  readonly latitude: number;
  readonly longitude: number;
  /** Site that is nearest. */
  readonly expect: string;
  /** What serves the page. */
  readonly kind: 'container' | 'virtual machine';
}

export const VISITS: readonly Visit[] = [
  { app: 'hello', from: 'Hamburg', latitude: 53.55, longitude: 9.993, expect: 'berlin', kind: 'container' },
  { app: 'hello', from: 'Zurich', latitude: 47.377, longitude: 8.541, expect: 'munich', kind: 'container' },
  {
    app: 'hello-vm',
    from: 'Zurich',
    latitude: 47.377,
    longitude: 8.541,
    expect: 'munich',
    kind: 'virtual machine',
  },
];

/** Root domain of the names the controller gives to instances. */
export const ROOT_DOMAIN = 'edge.internal';

/** Name of a site's shared load balancer (controller spec section 9.6). */
export function sharedFqdn(site: string): string {
  return `${site}.${OPERATOR}.${ROOT_DOMAIN}`;
}
