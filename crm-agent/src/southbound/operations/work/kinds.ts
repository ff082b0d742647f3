/** Kinds of operations, by the calls that begin them. */
export const KINDS = {
  createHypervisor: 'CreateHypervisor',
  createHypervisors: 'CreateHypervisors',
  destroyHypervisor: 'DestroyHypervisor',
  destroyHypervisors: 'DestroyHypervisors',
  expandStorage: 'ExpandStorage',
  shrinkStorage: 'ShrinkStorage',
  createBackup: 'CreateBackup',
  verifyBackup: 'VerifyBackup',
  restoreBackup: 'RestoreBackup',
  deleteBackup: 'DeleteBackup',
} as const;

/** What operations have for themselves. */
export const hypervisorLane = (id: string): string => `hypervisor:${id}`;
export const poolLane = (id: string): string => `pool:${id}`;
export const backupLane = (id: string): string => `backup:${id}`;

/** Requests as records keep them. */
export type CreateHypervisorWork = { readonly id: string };
export type DestroyHypervisorWork = {
  readonly id: string;
  readonly force: boolean;
  readonly graceSeconds: number;
};
/** The same for several: one operation each, with these requests. */
export type SeveralWork = {
  readonly ids: readonly string[];
  readonly force: boolean;
  readonly graceSeconds: number;
};
/** Bytes as a decimal text, as they may be beyond what JSON numbers hold. */
export type ResizeWork = { readonly pool: string; readonly bytes: string; readonly dryRun: boolean };
export type CreateBackupWork = { readonly pool: string; readonly target: string; readonly label: string };
export type VerifyBackupWork = { readonly backup: string };
/** An empty pool is that of the backup. */
export type RestoreBackupWork = { readonly backup: string; readonly pool: string; readonly path: string };
export type DeleteBackupWork = { readonly backup: string; readonly force: boolean };
