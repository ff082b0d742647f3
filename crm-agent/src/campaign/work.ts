/** What is done to a cluster of one node with an App in it. */
export const WORK = ['create', 'scale up', 'scale down', 'delete'] as const;
export type Work = (typeof WORK)[number];

/** What a child process is told. */
export interface ChildTask {
  readonly work: Work;
  /** Which change to host or disk is its last; 0: it lives. */
  readonly dieAt: number;
  /** Machines and load balancer end with it. */
  readonly last: boolean;
  readonly stateDir: string;
  readonly imageDir: string;
  readonly nodeImage: string;
  readonly publicAddr: string;
  /** The App's public port. */
  readonly port: number;
}
