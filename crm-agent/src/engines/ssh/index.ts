export { sshErrors } from './errors.js';
export { newKeyPair, type SshKeyPair } from './keys.js';
export { SshChannel, type SshTarget } from './ssh-channel.js';
