import { deferred, fail } from '@edgeplane/base';
import type { PodStatus } from '@edgeplane/proto/southbound/aurae/edgeplane/pod/v1/pod-extension.js';
import {
  Pod,
  type PodServiceAllocateRequest,
  PodServiceAllocateResponse,
  type PodServiceFreeRequest,
  PodServiceFreeResponse,
  type PodServiceStartRequest,
  type PodServiceStartResponse,
  type PodServiceStopRequest,
  type PodServiceStopResponse,
} from '@edgeplane/proto/southbound/aurae/runtime/pod/v0/pod.js';
import type { RpcContext } from '@edgeplane/rpc';
import { specHash } from '../../engines/podman/index.js';
import { allocateRequest } from './allocate.js';
import { ownPodName, type PodCaller, podCallerOf } from './caller.js';
import { auraeErrors } from './errors.js';
import { bad, checkName, checkText, notOffered } from './fields.js';
import { freeRequest } from './free.js';
import type { PodOperations } from './pod-operations.js';
import type { PodRecord } from './pod-record.js';
import { type ContainerSpec, podHash } from './pod-spec.js';
import { goneStatus, podStatus } from './pod-status.js';
import type { ProbeKeeper } from './probes.js';
import { readContainers, readPod, SHORT_FORM_NAME } from './read-pod.js';
import { startRequest } from './start.js';
import { stopRequest } from './stop.js';
import { type VerbContext, withRoom } from './verb-context.js';

/** What an operator decides about pods. */
export interface PodPolicy {
  /** Calls that name no pod act on one of their caller. */
  readonly implicitPods: boolean;
  /** Image of the container that such a pod gets when it has none; empty: none. */
  readonly defaultImage: string;
}

export interface PodServiceOptions {
  readonly context: VerbContext;
  readonly operations: PodOperations;
  readonly probes: ProbeKeeper;
  readonly policy: PodPolicy;
}

const LONGEST_WAIT_MS = 24 * 3_600_000;
const LONGEST_GRACE_MS = 10 * 60_000;
/** What the pod of calls that name none may use, as nobody said. */
const OWN_LIMITS = { cpuMillis: 1000, memoryBytes: 512 << 20, pids: 512 };

/** The four verbs of Aurae's pods (Aurae spec sections B4 and B5). */
export class PodService {
  readonly #o: PodServiceOptions;

  constructor(options: PodServiceOptions) {
    this.#o = options;
  }

  async allocate(
    request: PodServiceAllocateRequest,
    context: RpcContext,
  ): Promise<PodServiceAllocateResponse> {
    const { context: verbs, operations } = this.#o;
    const { host, table } = verbs;
    const caller = podCallerOf(context);
    const pod = request.pod ?? Pod.fromPartial({});
    this.#checkTenant(pod.tenant, caller);
    const { keyJson, name, own } = this.#meant(caller, pod.name, 'PodServiceAllocateRequest.pod.name (1, 1)');
    if (request.pull !== 0 && request.pull !== 1) throw bad('pull', 'must be 0 or 1', request.pull);
    const requestId = checkText('request_id', request.requestId, 128);
    const read = readPod(pod, name, host.offer);
    const spec = own && host.offer.limits ? { ...read, limits: { ...OWN_LIMITS, ...read.limits } } : read;
    const existing = table.get(keyJson);
    if (pod.uid !== '' && pod.uid !== existing?.uid)
      throw bad('pod.uid', 'must be empty or that of the pod', pod.uid);
    const hash = podHash(spec);
    if (request.dryRun) {
      if (existing && existing.allocatedHash !== hash) throw fail(auraeErrors.POD_EXISTS, { name });
      if (!existing) await withRoom(verbs, name, spec, context.signal, async () => undefined);
      const status = existing && (await this.status(existing));
      return PodServiceAllocateResponse.fromPartial({ podName: name, ...(status && { status }) });
    }
    context.sendHeader('x-edge-pod-name', name);
    const record = await operations.run(
      {
        ...{ verb: 'allocate', keyJson, name, requestId, caller: caller.key },
        request: allocateRequest({
          ...{ hash, tenant: caller.tenant, pullOnStart: request.pull === 1 },
          ownerOf: own ? caller.key : '',
        }),
        secret: JSON.stringify(spec),
      },
      context.signal,
    );
    const status = await this.#statusNow(keyJson);
    return { podName: name, status, operationId: record.id };
  }

  async start(request: PodServiceStartRequest, context: RpcContext): Promise<PodServiceStartResponse> {
    const { context: verbs, operations, policy } = this.#o;
    const { host, table } = verbs;
    const caller = podCallerOf(context);
    const meant = this.#meant(caller, request.name, 'PodServiceStartRequest.name (1)');
    const { keyJson, name, own } = meant;
    const { containerNames: names, wait, timeoutMs } = request;
    for (const [i, each] of names.entries()) checkName(`container_names[${i}]`, each);
    if (wait !== 0 && wait !== 1) throw bad('wait', 'must be 0 or 1', wait);
    if (timeoutMs > LONGEST_WAIT_MS) throw bad('timeout_ms', `must be at most ${LONGEST_WAIT_MS}`, timeoutMs);
    const requestId = checkText('request_id', request.requestId, 128);
    const pod = table.get(keyJson);
    if (!pod) throw own ? fail(auraeErrors.NOTHING_ALLOCATED) : fail(auraeErrors.NO_POD, { name });
    const added = this.#added(request, pod);
    if (added.length === 0 && pod.spec.containers.length === 0 && own && policy.defaultImage !== '')
      added.push(...this.#defaultContainers(pod));
    await operations.run(
      {
        ...{ verb: 'start', keyJson, name, requestId, caller: caller.key },
        request: startRequest({ names, added: added.length === 0 ? '' : specHash(added) }),
        ...(added.length > 0 && { secret: JSON.stringify(added) }),
      },
      context.signal,
    );
    if (wait === 1) await this.#ready(keyJson, names, timeoutMs || LONGEST_WAIT_MS, context.signal);
    const status = await this.#statusNow(keyJson);
    const chosen = (each: string) => names.length === 0 || names.includes(each);
    const first = status?.containers.find((c) => c.pid !== 0 && chosen(c.name));
    const user = first ? await host.userOf(first.pid) : { uid: 0, gid: 0 };
    return { pid: first?.pid ?? 0, ...user, status };
  }

  async stop(request: PodServiceStopRequest, context: RpcContext): Promise<PodServiceStopResponse> {
    const caller = podCallerOf(context);
    const { keyJson, name, own } = this.#meant(caller, request.podName, 'PodServiceStopRequest.pod_name (1)');
    const { containerName: container, graceMs } = request;
    if (container !== '') checkName('container_name', container);
    if (graceMs > LONGEST_GRACE_MS) throw bad('grace_ms', `must be at most ${LONGEST_GRACE_MS}`, graceMs);
    const requestId = checkText('request_id', request.requestId, 128);
    this.#mustExist(keyJson, name, own);
    await this.#o.operations.run(
      {
        ...{ verb: 'stop', keyJson, name, requestId, caller: caller.key },
        request: stopRequest({ container, graceMs }),
      },
      context.signal,
    );
    return { status: await this.#statusNow(keyJson) };
  }

  async free(request: PodServiceFreeRequest, context: RpcContext): Promise<PodServiceFreeResponse> {
    const { operations, context: verbs } = this.#o;
    const caller = podCallerOf(context);
    const { keyJson, name, own } = this.#meant(caller, request.podName, 'PodServiceFreeRequest.pod_name (1)');
    const { force, allowMissing } = request;
    const requestId = checkText('request_id', request.requestId, 128);
    const pod = verbs.table.get(keyJson);
    if (!pod && operations.underWay(keyJson) === undefined) {
      if (allowMissing) return PodServiceFreeResponse.fromPartial({});
      this.#mustExist(keyJson, name, own);
    }
    const status = pod ? await this.status(pod) : goneStatus(keyJson);
    if (force) await operations.cancel(keyJson, context.signal);
    if (verbs.table.get(keyJson) || operations.underWay(keyJson) !== undefined)
      await operations.run(
        {
          ...{ verb: 'free', keyJson, name, requestId, caller: caller.key },
          request: freeRequest({ force }),
        },
        context.signal,
      );
    return { status };
  }

  /** What there is of a pod now. */
  async status(pod: PodRecord): Promise<PodStatus> {
    const { context, operations, probes } = this.#o;
    const facts = await context.host.facts(pod.hostName);
    return podStatus({ pod, facts, underWay: operations.underWay(pod.keyJson), ready: probes.ready(pod) });
  }

  /** The pod of a question. @throws NO_POD, NO_OWN_POD, NO_IMPLICIT_PODS */
  podFor(context: RpcContext, podName: string): PodRecord {
    const caller = podCallerOf(context);
    const { keyJson, name, own } = this.#meant(caller, podName, 'pod_name (1)');
    return this.#mustExist(keyJson, name, own);
  }

  visible(context: RpcContext): readonly PodRecord[] {
    return this.#o.context.table.visible(podCallerOf(context));
  }

  async #statusNow(keyJson: string): Promise<PodStatus | undefined> {
    const pod = this.#o.context.table.get(keyJson);
    return pod && this.status(pod);
  }

  #meant(caller: PodCaller, podName: string, field: string) {
    if (podName !== '') checkName(field, podName);
    else if (!this.#o.policy.implicitPods) throw fail(auraeErrors.NO_IMPLICIT_PODS, { field });
    const meant = this.#o.context.table.keyFor(caller, podName);
    return { ...meant, own: podName === '' || podName === ownPodName(caller) };
  }

  #mustExist(keyJson: string, name: string, own: boolean): PodRecord {
    const pod = this.#o.context.table.get(keyJson);
    if (pod) return pod;
    throw own ? fail(auraeErrors.NO_OWN_POD) : fail(auraeErrors.NO_POD, { name });
  }

  #checkTenant(tenant: string, caller: PodCaller): void {
    if (tenant === '' || tenant === caller.tenant) return;
    const reason =
      caller.tenant === '' ? 'your certificate names no organization' : `yours is "${caller.tenant}"`;
    throw fail(auraeErrors.NOT_PERMITTED, { field: 'pod.tenant', reason });
  }

  #added({ containers }: PodServiceStartRequest, { spec }: PodRecord): ContainerSpec[] {
    const given = containers.map((container, i) => ({ field: `containers[${i}]`, container }));
    for (const { field, container } of given)
      if (container.ports.length > 0)
        throw notOffered(`${field}.ports`, 'the ports of a pod are opened when it is allocated');
    const { offer } = this.#o.context.host;
    const volumes = new Set(spec.volumes.map(({ name }) => name));
    return readContainers(given, { offer, network: spec.network, volumes });
  }

  #defaultContainers({ name }: PodRecord): readonly ContainerSpec[] {
    const { policy, context } = this.#o;
    const pod = Pod.fromPartial({ name: SHORT_FORM_NAME, image: policy.defaultImage });
    return readPod(pod, name, context.host.offer).containers;
  }

  /** Waits until the containers are ready. @throws NOT_READY; NOT_RUNNING when one has ended */
  async #ready(keyJson: string, names: readonly string[], limit: number, signal: AbortSignal): Promise<void> {
    const { context, probes } = this.#o;
    const { table, clock } = context;
    const over = deferred<void>();
    const look = () => {
      const pod = table.get(keyJson);
      const ready = pod && probes.ready(pod);
      const mains = pod?.spec.containers.filter(
        (c) => !c.init && (names.length === 0 || names.includes(c.name)),
      );
      const missing = mains?.find((c) => !ready?.has(c.name));
      if (!pod) over.reject(fail(auraeErrors.NO_POD, { name: '' }));
      else if (!missing) over.resolve();
      return missing?.name ?? '';
    };
    const ignore = table.listen((changed) => void (changed === keyJson && look()));
    const cancel = clock.after(limit, () => {
      const pod = table.get(keyJson);
      const values = { name: pod?.name ?? '', container: look(), limit, reason: 'its readiness probe fails' };
      over.reject(fail(auraeErrors.NOT_READY, values));
    });
    const gone = () => over.reject(signal.reason);
    signal.addEventListener('abort', gone, { once: true });
    try {
      look();
      await over.promise;
    } finally {
      ignore();
      cancel();
      signal.removeEventListener('abort', gone);
    }
  }
}
