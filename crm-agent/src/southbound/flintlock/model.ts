/** MicroVMs in the words of neither dialect. Plain data: a record is stored as JSON. */

/** Which of the two APIs a caller speaks (flintlock spec section 1). */
export type Dialect = '2021' | 'current';

/** A kernel command line: word for word, or parameters over the host's defaults, where an empty value is a bare flag. */
export type Cmdline =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'words'; readonly words: Readonly<Record<string, string>> };

export interface MicrovmKernel {
  readonly image: string;
  /** Path in the image. */
  readonly filename: string;
  readonly cmdline: Cmdline;
  readonly addNetworkConfig: boolean;
}

export interface MicrovmVolume {
  readonly id: string;
  readonly isRoot: boolean;
  readonly isReadOnly: boolean;
  readonly mountPoint: string;
  /** Container image; absent: an empty disk. */
  readonly image?: string;
  /** Directory of the host. */
  readonly virtiofs?: string;
  readonly partitionId?: string;
  /** MiB; absent or 0: as large as its contents need. */
  readonly sizeMib?: number;
}

export interface MicrovmAddress {
  /** With prefix length. */
  readonly address: string;
  /** With prefix length. */
  readonly gateway?: string;
  readonly nameservers: readonly string[];
}

export interface MicrovmInterface {
  /** Name in the guest. */
  readonly name: string;
  /** As on the wire: 0 macvtap, 1 tap; others are refused. */
  readonly type: number;
  /** Leads to the metadata service and nowhere else. */
  readonly metadata: boolean;
  readonly mac?: string;
  /** Absent: DHCP. */
  readonly address?: MicrovmAddress;
  readonly bridge?: string;
}

/** What a microVM should be. */
export interface MicrovmSpec {
  readonly id: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  /** Empty: the host's default. */
  readonly provider: string;
  readonly vcpu: number;
  readonly memoryMib: number;
  readonly kernel: MicrovmKernel;
  readonly initrd?: { readonly image: string; readonly filename: string };
  /** As asked for; the guest sees the root before all others. */
  readonly volumes: readonly MicrovmVolume[];
  readonly interfaces: readonly MicrovmInterface[];
  /** Documents for the guest, in base64. May hold secrets. */
  readonly metadata: Readonly<Record<string, string>>;
  readonly allowGuestAgent: boolean;
}

export type MicrovmState = 'pending' | 'created' | 'failed' | 'deleting';

export interface MicrovmMount {
  readonly type: 'dev' | 'hostpath';
  readonly source: string;
}

export interface MicrovmLink {
  /** Of the host; `user` where QEMU's own network stack is used, `metadata` for the way to the metadata. */
  readonly hostDevice: string;
  /** Of the host's interface; 0 where there is none. */
  readonly index: number;
  readonly mac: string;
}

export interface MicrovmStatus {
  readonly state: MicrovmState;
  /** By volume id. */
  readonly volumes: Readonly<Record<string, MicrovmMount>>;
  readonly kernelMount?: MicrovmMount;
  readonly initrdMount?: MicrovmMount;
  /** By name in the guest. */
  readonly links: Readonly<Record<string, MicrovmLink>>;
  /** Failed tries since the last success. */
  readonly retry: number;
  /** Why it does not run, or why the last try failed; empty when all is well. */
  readonly reason: string;
  /** When the next try is due, milliseconds since the epoch. */
  readonly nextAttemptAt?: number;
}

/** A microVM as it is kept. Times are milliseconds since the epoch. */
export interface Microvm {
  /** Made by us; names its machine and its files. */
  readonly uid: string;
  /** Counts stored revisions, from 1. */
  readonly version: number;
  /** Counts changes of the specification, from 1: a machine of an older one is made anew at its next start. */
  readonly generation: number;
  /** Digest of the specification of its create, by which a repeated one is known. */
  readonly askedDigest: string;
  readonly spec: MicrovmSpec;
  readonly status: MicrovmStatus;
  readonly createdAt: number;
  readonly updatedAt?: number;
  readonly deletedAt?: number;
}

export const INTERFACE_TYPES = { macvtap: 0, tap: 1 } as const;

export const FRESH_STATUS: MicrovmStatus = { state: 'pending', volumes: {}, links: {}, retry: 0, reason: '' };
