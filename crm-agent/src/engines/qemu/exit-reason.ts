/** Values of QEMU 7's ShutdownCause, as its trace prints them. */
const CAUSES = [
  'none',
  'host-error',
  'host-qmp-quit',
  'host-qmp-system-reset',
  'host-signal',
  'host-ui',
  'guest-shutdown',
  'guest-reset',
  'guest-panic',
] as const;

/** Why QEMU ended by itself, from its log; undefined when it recorded nothing, as after a crash or SIGKILL. */
export function shutdownCause(log: string): string | undefined {
  const last = [...log.matchAll(/qemu_system_shutdown_request reason=(\d+)/g)].at(-1);
  return last ? (CAUSES[Number(last[1])] ?? `cause ${last[1]}`) : undefined;
}

export interface PortConflict {
  readonly proto: string;
  readonly port: number;
}

/** The forward that QEMU could not open, from its log. */
export function portConflict(log: string): PortConflict | undefined {
  const match = /[Cc]ould not set up host forwarding rule '(tcp|udp):[^:']*:(\d+)-/.exec(log);
  return match ? { proto: match[1] ?? '', port: Number(match[2]) } : undefined;
}

/** QEMU's own last words, without its program name. */
export function lastError(log: string): string | undefined {
  const lines = log.split('\n').filter((line) => line.trim() !== '' && !line.startsWith('qemu_system_'));
  return lines.at(-1)?.replace(/^qemu-system-\w+: /, '');
}
