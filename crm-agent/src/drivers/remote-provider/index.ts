export { RemoteProviderDriver } from './remote-provider-driver.js';
export type { RemoteProviderSettings } from './settings.js';
