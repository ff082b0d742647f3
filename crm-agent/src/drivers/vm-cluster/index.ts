export { VmClusterDriver, type VmClusterSettings } from './vm-cluster-driver.js';
