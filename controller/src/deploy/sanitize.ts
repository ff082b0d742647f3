/** Names made fit for other systems (controller spec section 9.5). */

/** For image paths: case is kept. */
export function dockerName(name: string): string {
  return name.replace(/[ ,]/g, '').replace(/&/g, '-').replace(/!/g, '.');
}

/** For one label of a host name. */
export function dnsName(name: string): string {
  return name
    .replace(/_/g, '-')
    .replace(/[ &,.!]/g, '')
    .toLowerCase();
}

/** For names of Kubernetes objects and clusters: dots are kept. */
export function kubernetesName(name: string): string {
  return name
    .replace(/_/g, '-')
    .replace(/[ &,!]/g, '')
    .toLowerCase();
}
