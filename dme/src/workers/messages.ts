import type { GroupMessage } from '../groups/group-link.js';
import type { LatencySample } from '../latency-book.js';

/** One stream of notices between a worker and its primary; both call it by the number that the worker gave it. */
export type StreamMessage =
  | { readonly kind: 'open'; readonly stream: number }
  | { readonly kind: 'notice'; readonly stream: number; readonly bytes: Uint8Array }
  /** The sender says no more. */
  | { readonly kind: 'end'; readonly stream: number }
  /** The sender does not listen any more either. */
  | { readonly kind: 'close'; readonly stream: number; readonly reason: string };

/** What clients of one worker mean for those of the others. */
export type SharedMessage =
  | { readonly kind: 'group'; readonly message: GroupMessage }
  | { readonly kind: 'latency'; readonly sample: LatencySample };

export type ToWorker =
  | StreamMessage
  | SharedMessage
  /** With how many others; the REST gateway of one may get to the API of another, and shows this token there. */
  | { readonly kind: 'start'; readonly workers: number; readonly gatewayToken: string }
  | { readonly kind: 'stop' }
  | { readonly kind: 'metrics'; readonly ask: number };

export type ToPrimary =
  | StreamMessage
  | SharedMessage
  /** It listens to the primary. */
  | { readonly kind: 'here' }
  | { readonly kind: 'ready'; readonly addresses: Readonly<Record<string, string>> }
  | { readonly kind: 'failed'; readonly reason: string }
  | { readonly kind: 'metrics'; readonly ask: number; readonly metrics: readonly unknown[] };
