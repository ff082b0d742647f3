import { connect, type Socket } from 'node:net';
import { messageOf, sleep } from '@edgeplane/base';
import { answerMetadata, parseRequests, renderAnswer } from './metadata-doc.js';
import type { VmSpec } from './spec.js';
import { METADATA_SOCKET } from './vm-dir.js';
import type { VmTable } from './vm-table.js';

/** Between tries to reach a QEMU that is there but does not take us. */
const RETRY_MS = 500;
/** A request of which no more comes for this time is given up, so that the next one is not taken for its end. */
const STALE_MS = 3000;

interface Service {
  readonly abort: AbortController;
  readonly ended: Promise<void>;
}

/**
 * Answers guests at 169.254.169.254. Each machine has a network of its own for that, which leads to one socket in its
 * directory and nowhere else, so a guest can neither ask for another nor be taken for another.
 */
export class VmMetadata {
  readonly #table: VmTable;
  readonly #services = new Map<string, Service>();

  constructor(table: VmTable) {
    this.#table = table;
  }

  /** Serves a running machine, until it ends. One that is served, or asks for nothing, is left alone. */
  serve(id: string, spec: VmSpec): void {
    if (this.#services.has(id) || !spec.nics.some((nic) => nic.type === 'metadata')) return;
    const abort = new AbortController();
    const ended = this.#run(id, abort.signal)
      .catch((error: unknown) => {
        this.#table.context.logger.error({ vm: id, reason: messageOf(error) }, 'Metadata are not served');
      })
      .finally(() => this.#services.delete(id));
    this.#services.set(id, { abort, ended });
  }

  async stop(): Promise<void> {
    const all = [...this.#services.values()];
    for (const { abort } of all) abort.abort();
    await Promise.all(all.map(({ ended }) => ended));
  }

  async #run(id: string, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      const vm = await this.#table.running(id).catch(() => undefined);
      if (!vm) return;
      const socket = connect(vm.dir.socket(METADATA_SOCKET, vm.pid));
      const stop = () => socket.destroy();
      signal.addEventListener('abort', stop, { once: true });
      try {
        await this.#converse(vm.record.spec, socket);
      } finally {
        signal.removeEventListener('abort', stop);
      }
      await sleep(this.#table.context.clock, RETRY_MS, signal).catch(() => undefined);
    }
  }

  /** Resolves when the connection has ended, for whatever cause. */
  #converse(spec: VmSpec, socket: Socket): Promise<void> {
    const { clock } = this.#table.context;
    let text = '';
    let heardAt = clock.monotonic();
    // Bytes as characters; requests hold no others.
    socket.setEncoding('latin1').on('data', (chunk: string) => {
      const now = clock.monotonic();
      if (now - heardAt > STALE_MS) text = '';
      heardAt = now;
      const { requests, rest } = parseRequests(text + chunk);
      text = rest;
      for (const request of requests)
        socket.write(renderAnswer(answerMetadata(spec, request), request.method === 'HEAD'));
    });
    return new Promise((resolve) => {
      socket.on('error', () => socket.destroy());
      socket.on('close', () => resolve());
    });
  }
}
