export { type CallShellOptions, callShell, type ShellIo } from './call-shell.js';
export {
  type AgentControl,
  type CallerControl,
  CONTROL_LABEL,
  DATA_LABEL,
  decodeCallerControl,
  encodeControl,
  INPUT_WINDOW,
  type ShellEnd,
  type TerminalSize,
} from './control.js';
export { addressesIn, type Description, decodeDescription, encodeDescription } from './description.js';
export { shellErrors } from './errors.js';
export {
  bytesOf,
  ChannelWriter,
  type DataChannel,
  type IceServer,
  openPeer,
  parseIceServers,
  whenClosed,
  whenFullyClosed,
  whenGone,
  whenOpen,
} from './peer.js';
