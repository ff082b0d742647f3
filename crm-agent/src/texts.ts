/** Texts that users meet in the errors of instances (spec sections 9.3, 10.2 and 10.3). */
export const texts = {
  getLimitsFailed: (error: string) => `get limits failed: ${error}`,
  clusterCreateFailed: (error: string) => `Create failed: ${error}`,
  clusterUpdateFailed: (error: string) => `update failed: ${error}`,
  clusterDeleteFailed: (error: string) => `Delete failed: ${error}`,
  appCreateFailed: (error: string) => `Create App Inst failed: ${error}`,
  appUpdateFailed: (error: string) => `Update App Inst failed: ${error}`,
  appNotRestored: (error: string, then: string) =>
    `${error}; and what it was before does not come back: ${then}`,
  appDeleteFailed: (error: string) => `Delete App Inst failed: ${error}`,
  flavorNotFound: (name: string) => `Flavor ${name} not found`,
  clusterNotFound: (name: string) => `Cluster instance ${name} not found`,
} as const;
