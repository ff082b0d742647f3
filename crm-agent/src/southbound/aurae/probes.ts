import { connect } from 'node:net';
import { type Clock, type Logger, messageOf, sleep } from '@edgeplane/base';
import type { PodHost } from './pod-host.js';
import type { PodRecord } from './pod-record.js';
import type { ContainerSpec, ProbeSpec } from './pod-spec.js';

/** One try of a probe: undefined when it succeeds, else why not. */
export async function tryProbe(
  host: Pick<PodHost, 'exec'>,
  pod: { readonly hostName: string; readonly address: string | undefined },
  container: string,
  { action, timeoutMs }: ProbeSpec,
): Promise<string | undefined> {
  try {
    if (action.type === 'exec') {
      const code = await host.exec(pod.hostName, container, action.command, timeoutMs);
      return code === 0 ? undefined : `its command ended with ${code}`;
    }
    if (pod.address === undefined) return 'the pod has no address';
    if (action.type === 'tcp') return await tryTcp(pod.address, action.port, timeoutMs);
    const url = `http://${pod.address}:${action.port}${action.path}`;
    const answer = await fetch(url, { redirect: 'manual', signal: AbortSignal.timeout(timeoutMs) });
    await answer.body?.cancel();
    return answer.status >= 200 && answer.status < 400 ? undefined : `its page answers with ${answer.status}`;
  } catch (error) {
    return messageOf(error);
  }
}

function tryTcp(host: string, port: number, timeout: number): Promise<string | undefined> {
  return new Promise((resolve) => {
    const socket = connect({ host, port, timeout });
    const end = (reason?: string) => {
      socket.destroy();
      resolve(reason);
    };
    socket.once('connect', () => end());
    socket.once('timeout', () => end(`no connection within ${timeout} ms`));
    socket.once('error', (error) => end(error.message));
  });
}

export interface ProbeKeeperOptions {
  readonly host: PodHost;
  readonly clock: Clock;
  readonly logger: Logger;
  /** A liveness probe has failed as often as it may. */
  readonly dead: (pod: PodRecord, container: string, reason: string) => Promise<void>;
  /** Whether a container is ready has changed. */
  readonly changed: (keyJson: string) => void;
}

/** What a probe finds. */
interface Verdicts {
  readonly succeeded: () => void;
  /** As often in a row as it may. */
  readonly failed: (reason: string) => Promise<void> | void;
  /** The container does not run. */
  readonly absent: () => void;
}

interface Watch {
  readonly signature: string;
  readonly abort: AbortController;
  readonly ended: Promise<void>;
}

/** Tries the probes of containers that are wanted, each in its own time, and says which are ready. */
export class ProbeKeeper {
  readonly #o: ProbeKeeperOptions;
  /** By pod and container. */
  readonly #watches = new Map<string, Watch>();
  readonly #ready = new Map<string, Set<string>>();
  #stopped = false;

  constructor(options: ProbeKeeperOptions) {
    this.#o = options;
  }

  /** Follows what is wanted of a pod; undefined when it has gone. */
  follow(keyJson: string, pod: PodRecord | undefined): void {
    // Operations that are being broken off still tell of changes.
    if (this.#stopped) return;
    const wanted = new Map<string, ContainerSpec>();
    if (pod?.stage === 'allocated')
      for (const spec of pod.spec.containers) if (pod.wanted.includes(spec.name)) wanted.set(spec.name, spec);
    for (const [key, watch] of this.#watches) {
      const [ofPod = '', name = ''] = JSON.parse(key) as string[];
      if (ofPod !== keyJson) continue;
      if (pod && wanted.has(name) && watch.signature === pod.uid) continue;
      watch.abort.abort(new Error('the container is not wanted any more'));
      this.#watches.delete(key);
      this.#ready.get(keyJson)?.delete(name);
    }
    if (!pod) return void this.#ready.delete(keyJson);
    for (const [name, spec] of wanted) this.#begin(pod, name, spec);
  }

  /** Names of containers whose readiness probe has succeeded, or which have none. */
  ready({ keyJson, spec, wanted }: PodRecord): ReadonlySet<string> {
    const proved = this.#ready.get(keyJson);
    const names = spec.containers.filter(
      (c) => wanted.includes(c.name) && (!c.readiness || proved?.has(c.name)),
    );
    return new Set(names.map(({ name }) => name));
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    const ends = [...this.#watches.values()].map(({ abort, ended }) => {
      abort.abort(new Error('the agent is stopping'));
      return ended;
    });
    this.#watches.clear();
    await Promise.all(ends);
  }

  #begin(pod: PodRecord, name: string, { liveness, readiness }: ContainerSpec): void {
    const key = JSON.stringify([pod.keyJson, name]);
    if (this.#watches.has(key) || (!liveness && !readiness)) return;
    const abort = new AbortController();
    const { signal } = abort;
    const nothing = () => undefined;
    const setReady = (is: boolean) => () => this.#setReady(pod.keyJson, name, is);
    const dead = (reason: string) => this.#o.dead(pod, name, reason);
    const loops = [
      // One that does not run is podman's to start again.
      liveness &&
        this.#loop(pod, name, liveness, { failed: dead, succeeded: nothing, absent: nothing }, signal),
      readiness &&
        this.#loop(
          ...([pod, name, readiness] as const),
          { failed: setReady(false), succeeded: setReady(true), absent: setReady(false) },
          signal,
        ),
    ];
    const ended = Promise.all(loops).then(() => undefined);
    this.#watches.set(key, { signature: pod.uid, abort, ended });
  }

  #setReady(keyJson: string, name: string, is: boolean): void {
    const names = this.#ready.get(keyJson) ?? new Set();
    this.#ready.set(keyJson, names);
    if (names.has(name) === is) return;
    if (is) names.add(name);
    else names.delete(name);
    this.#o.changed(keyJson);
  }

  /** Until the signal aborts; never rejects. */
  async #loop(
    pod: PodRecord,
    name: string,
    probe: ProbeSpec,
    told: Verdicts,
    signal: AbortSignal,
  ): Promise<void> {
    const { host, clock, logger } = this.#o;
    let failures = 0;
    let since = 0;
    while (!signal.aborted) {
      try {
        const facts = await host.facts(pod.hostName);
        const container = facts?.containers.get(name);
        const begun = container?.running ? container.startedMs : 0;
        if (begun !== since) failures = 0;
        since = begun;
        if (container?.running && clock.now() - container.startedMs >= probe.initialDelayMs) {
          const place = { hostName: pod.hostName, address: facts?.addresses[0] };
          const reason = await tryProbe(host, place, name, probe);
          if (signal.aborted) return;
          if (reason === undefined) told.succeeded();
          failures = reason === undefined ? 0 : failures + 1;
          if (reason !== undefined && failures >= probe.failureThreshold) {
            failures = 0;
            await told.failed(reason);
          }
        } else if (!container?.running) told.absent();
      } catch (error) {
        if (!signal.aborted)
          logger.debug({ pod: pod.name, container: name, err: error }, 'Probe is interrupted');
      }
      await sleep(clock, probe.periodMs, signal).catch(() => undefined);
    }
  }
}
