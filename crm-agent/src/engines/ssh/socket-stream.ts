import { Duplex } from 'node:stream';
import type { ClientChannel } from 'ssh2';

/**
 * A stream of an SSH connection that behaves as a socket does. The library's own closes only once all of it has been
 * read, which whoever destroys a socket does not do.
 */
export class SocketStream extends Duplex {
  readonly #channel: ClientChannel;

  constructor(channel: ClientChannel) {
    super();
    this.#channel = channel;
    channel.on('data', (chunk: Buffer) => {
      if (!this.push(chunk)) channel.pause();
    });
    channel.once('end', () => this.push(null));
    channel.on('error', (error: Error) => this.destroy(error));
    channel.once('close', () => {
      // What has come is still read.
      if (this.readableEnded) this.destroy();
      else this.once('end', () => this.destroy());
    });
  }

  override _read(): void {
    this.#channel.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#channel.write(chunk, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#channel.end(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#channel.resume();
    this.#channel.close();
    done(error);
  }
}
