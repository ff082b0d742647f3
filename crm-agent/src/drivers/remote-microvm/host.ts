import type { HostNetwork, HostsFile } from './hosts-file.js';
import type { MicrovmPlan } from './microvm-plan.js';

/** A microVM as a host shows it. */
export interface SeenMicrovm {
  /** By which the host knows it. */
  readonly uid: string;
  /** The name of its plan. */
  readonly name: string;
  readonly state: 'pending' | 'created' | 'failed' | 'deleting';
  /** Why it failed, as far as that is told; empty when nothing is. */
  readonly reason: string;
}

/** A microVM as it is asked for. */
export interface MicrovmRequest {
  readonly plan: MicrovmPlan;
  readonly boot: Pick<HostsFile, 'kernel' | 'initrd'>;
  readonly network: HostNetwork | undefined;
  /** In that network; empty: none. */
  readonly address: string;
}

/** One flintlock host, whatever its dialect. Each call is made once. Only microVMs of our own namespace are seen. */
export interface MicrovmHost {
  readonly address: string;
  readonly network: HostNetwork | undefined;
  create(request: MicrovmRequest, signal: AbortSignal): Promise<SeenMicrovm>;
  /** undefined when it is not there, which hosts tell by a code or by a text. */
  get(uid: string, signal: AbortSignal): Promise<SeenMicrovm | undefined>;
  list(signal: AbortSignal): Promise<readonly SeenMicrovm[]>;
  /** All of that name: hosts may make another at each call. */
  named(name: string, signal: AbortSignal): Promise<readonly SeenMicrovm[]>;
  /** What was not there is gone. */
  delete(uid: string, signal: AbortSignal): Promise<void>;
  close(): void;
}

/** How long each call may take, milliseconds: hosts answer before they do anything. */
export const CALL_MS = 30_000;

/** `key=value` in the order given, a word alone for an empty value. */
export function cmdlineText(cmdline: Readonly<Record<string, string>>): string {
  return Object.entries(cmdline)
    .map(([key, value]) => (value === '' ? key : `${key}=${value}`))
    .join(' ');
}

export function encodedMetadata({ metadata }: MicrovmPlan): Record<string, string> {
  return Object.fromEntries(
    Object.entries(metadata).map(([name, text]) => [name, Buffer.from(text).toString('base64')]),
  );
}

/** What a host that has no words for it lets one know. */
export function reasonOf(failed: boolean, told: string, retry: number): string {
  if (told !== '') return told;
  if (failed) return `it was tried ${retry} times, and the host does not say what is wrong`;
  return retry > 0 ? `it failed ${retry} times so far, and the host does not say why` : '';
}
