/** What is made of an AppInst, by its deployment. */
export type WorkloadKind = 'container' | 'kube' | 'vm' | 'microvm';

/** A platform of the agent's own host. */
export interface LocalPlatform {
  readonly name: string;
  readonly kinds: Readonly<Record<string, WorkloadKind>>;
}

export const LOCAL: LocalPlatform = {
  name: 'local',
  kinds: { docker: 'container', kubernetes: 'kube', vm: 'vm' },
};

/** Container images run in virtual machines of their own; nothing runs on the host's kernel. */
export const MICROVM: LocalPlatform = {
  name: 'microvm',
  kinds: { docker: 'microvm', vm: 'vm' },
};
