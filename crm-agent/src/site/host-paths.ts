/** Where the kernel tells of the host; tests have folders of their own. */
export interface HostPaths {
  readonly sys: string;
  readonly dev: string;
  readonly proc: string;
}

export const HOST: HostPaths = { sys: '/sys', dev: '/dev', proc: '/proc' };
