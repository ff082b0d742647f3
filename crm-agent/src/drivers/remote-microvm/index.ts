export { RemoteMicrovmDriver, type RemoteMicrovmSettings } from './remote-microvm-driver.js';
