import { type Clock, fail, sleep } from '@edgeplane/base';
import { type RTCDataChannel, RTCPeerConnection } from 'werift';
import { shellErrors } from './errors.js';

export type { RTCDataChannel as DataChannel } from 'werift';

/** A STUN server, or a TURN server with its credentials. */
export interface IceServer {
  readonly urls: string;
  readonly username?: string;
  readonly credential?: string;
}

/**
 * Reads a comma-separated list of server addresses.
 * @throws EdgeplaneError ICE_SERVER_INVALID
 */
export function parseIceServers(text: string, credentials: Omit<IceServer, 'urls'> = {}): IceServer[] {
  const urls = text
    .split(',')
    .map((url) => url.trim())
    .filter(Boolean);
  return urls.map((url) => {
    if (!/^(stun|turn):[^\s:@]+:\d{1,5}$/.test(url)) throw fail(shellErrors.ICE_SERVER_INVALID, { url });
    return url.startsWith('turn:') ? { urls: url, ...credentials } : { urls: url };
  });
}

/** One end of a connection. Nothing but the servers named is asked for addresses; without any, those of the host serve. */
export function openPeer(iceServers: readonly IceServer[]): RTCPeerConnection {
  return new RTCPeerConnection({
    iceServers: [...iceServers],
    // Left out by default, and the only ones there are on a host without a network.
    iceAdditionalHostAddresses: ['127.0.0.1'],
  });
}

/** Largest message; every implementation takes it. */
const MESSAGE = 16 * 1024;
const HIGH_WATER = 256 * 1024;

const DELIVERY_POLL_MS = 5;

/** The library keeps count of what is not acknowledged, and tells nobody. */
interface InFlight {
  readonly outboundQueue: readonly unknown[];
  /** Bytes. */
  readonly flightSize: number;
}

/** Sends bytes, no more than the connection takes up: what waits in it is bounded. */
export class ChannelWriter {
  readonly #channel: RTCDataChannel;
  readonly #closed: Promise<void>;
  /** Bytes sent. */
  sent = 0;

  constructor(channel: RTCDataChannel) {
    this.#channel = channel;
    channel.bufferedAmountLowThreshold = HIGH_WATER / 2;
    this.#closed = whenClosed(channel);
  }

  /** Resolves when there is room for more. False when the channel has closed. */
  async write(data: Uint8Array): Promise<boolean> {
    for (let at = 0; at < data.length; at += MESSAGE) {
      if (!(await this.#below(HIGH_WATER))) return false;
      const part = data.subarray(at, at + MESSAGE);
      this.#channel.send(Buffer.from(part));
      this.sent += part.length;
    }
    return this.#open();
  }

  /**
   * Resolves when the other end has all, or the channel has closed. Closing a channel before that takes back what is
   * still on its way.
   */
  async delivered(clock: Clock): Promise<void> {
    await this.#below(1);
    const association = this.#channel.sctp.sctp as unknown as InFlight;
    while (this.#open() && association.outboundQueue.length + association.flightSize > 0)
      await sleep(clock, DELIVERY_POLL_MS);
  }

  async #below(bytes: number): Promise<boolean> {
    while (this.#open() && this.#channel.bufferedAmount >= bytes) {
      this.#channel.bufferedAmountLowThreshold = Math.floor(bytes / 2);
      const low = new Promise<void>((resolve) => this.#channel.bufferedAmountLow.once(() => resolve()));
      if (this.#channel.bufferedAmount >= bytes) await Promise.race([low, this.#closed]);
    }
    return this.#open();
  }

  #open(): boolean {
    // What is sent before the other end has confirmed the channel waits for that.
    return this.#channel.readyState === 'open' || this.#channel.readyState === 'connecting';
  }
}

/** Resolves when the channel is open; never when it closes before. */
export function whenOpen(channel: RTCDataChannel): Promise<void> {
  return reaches(channel, ['open']);
}

/** Resolves when the channel is closing or closed. */
export function whenClosed(channel: RTCDataChannel): Promise<void> {
  return reaches(channel, ['closing', 'closed']);
}

/** Resolves when both ends have closed the channel. */
export function whenFullyClosed(channel: RTCDataChannel): Promise<void> {
  return reaches(channel, ['closed']);
}

function reaches(channel: RTCDataChannel, states: readonly string[]): Promise<void> {
  return new Promise((resolve) => {
    if (states.includes(channel.readyState)) resolve();
    channel.stateChanged.subscribe((state) => {
      if (states.includes(state)) resolve();
    });
  });
}

/** Resolves when the connection has failed or is closed: the other end is gone, or does not answer for half a minute. */
export function whenGone(connection: RTCPeerConnection): Promise<void> {
  return new Promise((resolve) => {
    const check = (state: string) => {
      if (state === 'failed' || state === 'closed') resolve();
    };
    check(connection.connectionState);
    connection.connectionStateChange.subscribe(check);
  });
}

export function bytesOf(message: string | Buffer): Buffer {
  return typeof message === 'string' ? Buffer.from(message) : message;
}
