import cluster, { type Worker } from 'node:cluster';
import { randomUUID } from 'node:crypto';
import type { Duplex } from 'node:stream';
import { fileURLToPath } from 'node:url';
import {
  Backoff,
  type Clock,
  type Deferred,
  deferred,
  fail,
  type Logger,
  type Random,
} from '@edgeplane/base';
import type { MetricPart } from '@edgeplane/observe';
import { dmeErrors } from '../errors.js';
import { LocalLink } from '../groups/group-link.js';
import { MessageStreams } from './message-streams.js';
import type { ToPrimary, ToWorker } from './messages.js';

export interface FleetOptions {
  readonly size: number;
  /** The command line of each. */
  readonly argv: readonly string[];
  /** Serves what a worker opens, until it is gone. */
  readonly serve: (worker: string, stream: Duplex, gone: AbortSignal) => Promise<void>;
  /** A worker is gone for good. */
  readonly ended: (worker: string) => void;
  readonly clock: Clock;
  readonly random: Random;
  readonly logger: Logger;
}

/** Between the end of a worker and the start of the next in its place, milliseconds. */
const RESTART = { base: 50, max: 10_000 };
/** One that has worked for this long is not to blame for those before it, milliseconds. */
const STEADY_MS = 30_000;
/** How long workers may take to stop, and to say what they have counted, milliseconds. */
const STOP_MS = 10_000;
const METRICS_MS = 2_000;

/** One place in the fleet, which one worker after the other takes. */
interface Place {
  readonly number: number;
  readonly backoff: Backoff;
  member: Member | undefined;
}

interface Member {
  readonly worker: Worker;
  readonly name: string;
  readonly exited: Deferred<void>;
}

/**
 * The workers of one primary: as many as there should be, each in place of one that has ended. They listen on the same
 * addresses, and the primary hands each its connections in turn, so an end costs only the connections of who has ended.
 */
export class Fleet {
  readonly #options: FleetOptions;
  readonly #places: readonly Place[];
  readonly #first: Deferred<void> = deferred();
  readonly #groups = new LocalLink();
  readonly #gatewayToken = randomUUID();
  readonly #asked = new Map<number, { readonly name: string; resolve(part: MetricPart | undefined): void }>();
  #asks = 0;
  #ready = 0;
  #addresses: Readonly<Record<string, string>> = {};
  #stopping = false;

  constructor(options: FleetOptions) {
    this.#options = options;
    this.#places = Array.from({ length: options.size }, (_, number) => ({
      ...{ number, backoff: new Backoff(RESTART, options.random), member: undefined },
    }));
    // In the order in which they come here, which is the same for all.
    this.#groups.start((message) => this.#tellAll({ kind: 'group', message }));
  }

  /** Where they listen, once they do. */
  get addresses(): Readonly<Record<string, string>> {
    return this.#addresses;
  }

  /** Process ids of those that live. */
  get pids(): readonly number[] {
    return this.#places.flatMap(({ member }) => member?.worker.process.pid ?? []);
  }

  /** Resolves when all of them listen. @throws EdgeplaneError WORKER_FAILED */
  async start(): Promise<void> {
    const extension = import.meta.url.endsWith('.ts') ? 'ts' : 'js';
    cluster.setupPrimary({
      exec: fileURLToPath(new URL(`./worker-main.${extension}`, import.meta.url)),
      args: [...this.#options.argv],
      serialization: 'advanced',
    });
    for (const place of this.#places) this.#fork(place);
    await this.#first.promise;
  }

  /** What each of them counts for Prometheus; those that do not answer are left out. */
  async metrics(): Promise<readonly MetricPart[]> {
    const parts = await Promise.all(this.#places.map(({ member }) => member && this.#ask(member)));
    return parts.filter((part) => part !== undefined);
  }

  async stop(): Promise<void> {
    this.#stopping = true;
    this.#first.reject(fail(dmeErrors.ENGINE_STOPPING));
    const members = this.#places.flatMap(({ member }) => member ?? []);
    for (const { worker } of members) send(worker, { kind: 'stop' });
    const cancel = this.#options.clock.after(STOP_MS, () => {
      for (const { worker } of members) worker.process.kill('SIGKILL');
    });
    await Promise.all(members.map(({ exited }) => exited.promise));
    cancel();
  }

  #fork(place: Place): void {
    if (this.#stopping) return;
    const { clock, logger, serve, ended, size } = this.#options;
    const gatewayToken = this.#gatewayToken;
    const worker = cluster.fork();
    const name = `worker-${worker.id}`;
    const member: Member = { worker, name, exited: deferred() };
    place.member = member;
    const gone = new AbortController();
    const streams = new MessageStreams(
      (message, done) => send(worker, message, done),
      (stream) => void serve(name, stream, gone.signal),
    );
    let steady = () => {};
    worker.on('message', (message: ToPrimary) => {
      if (message.kind === 'here') send(worker, { kind: 'start', workers: size, gatewayToken });
      else if (message.kind === 'ready') {
        logger.info({ worker: name, pid: worker.process.pid, place: place.number }, 'Worker ready');
        steady = clock.after(STEADY_MS, () => place.backoff.reset());
        this.#onReady(message.addresses);
      } else if (message.kind === 'failed') this.#onFailed(message.reason);
      else if (message.kind === 'group') this.#groups.send(message.message);
      else if (message.kind === 'latency') this.#tellAll(message, member);
      else if (message.kind === 'metrics')
        this.#asked.get(message.ask)?.resolve(message.metrics as MetricPart);
      else streams.take(message);
    });
    worker.once('exit', (code, signal) => {
      steady();
      gone.abort(new Error('the worker is gone'));
      streams.lost();
      ended(name);
      for (const ask of this.#asked.values()) if (ask.name === name) ask.resolve(undefined);
      if (place.member === member) place.member = undefined;
      member.exited.resolve();
      this.#onExit(place, name, code, signal);
    });
  }

  #onReady(addresses: Readonly<Record<string, string>>): void {
    this.#ready += 1;
    // Port 0 is the same port for all of them.
    if (this.#ready === 1) this.#addresses = { ...addresses };
    if (this.#ready === this.#places.length) this.#first.resolve();
  }

  #onFailed(reason: string): void {
    this.#options.logger.error({ reason }, 'Worker could not start');
    this.#first.reject(fail(dmeErrors.WORKER_FAILED, { reason }));
  }

  #onExit(place: Place, name: string, code: number, signal: string): void {
    if (this.#stopping) return;
    const { clock, logger } = this.#options;
    const delay = place.backoff.next();
    logger.error({ worker: name, code, signal, restartInMs: Math.round(delay) }, 'Worker ended');
    this.#first.reject(
      fail(dmeErrors.WORKER_FAILED, { reason: `it ended with ${signal || `status ${code}`}` }),
    );
    // A stop meanwhile keeps it from being started.
    clock.after(delay, () => this.#fork(place));
  }

  #ask(member: Member): Promise<MetricPart | undefined> {
    this.#asks += 1;
    const ask = this.#asks;
    return new Promise((resolve) => {
      const done = (part: MetricPart | undefined) => {
        cancel();
        this.#asked.delete(ask);
        resolve(part);
      };
      const cancel = this.#options.clock.after(METRICS_MS, () => done(undefined));
      this.#asked.set(ask, { name: member.name, resolve: done });
      send(member.worker, { kind: 'metrics', ask });
    });
  }

  #tellAll(message: ToWorker, but?: Member): void {
    for (const { member } of this.#places) if (member && member !== but) send(member.worker, message);
  }
}

function send(
  worker: Worker,
  message: ToWorker,
  done: (error: Error | null) => void = () => undefined,
): void {
  if (worker.isConnected()) worker.process.send(message, undefined, undefined, done);
  else done(new Error('the worker is gone'));
}
