import { EdgeplaneError } from '@edgeplane/base';
import {
  type CreateRequest,
  type CreateResponse,
  type DescribeResponse,
  PowerOp,
  type ProviderClient,
  type TaskResponse,
  type TaskStatusResponse,
  type VMInfo,
} from '@edgeplane/proto/southbound/virtrigaud/provider/v1/provider.js';
import { callUnary, type RequestOf, type ResponseOf, type UnaryName } from '@edgeplane/rpc';
import { CallLimit } from '../remote/call-limit.js';
import { verdictOf } from '../remote/call-policy.js';
import type { Connection } from '../remote/endpoint.js';
import type { Present, Sight } from '../remote/sight.js';

/** How long each call may take, milliseconds: what VirtRigaud's manager gives it. */
const DEADLINES = {
  validate: 30_000,
  create: 300_000,
  delete: 120_000,
  power: 120_000,
  reconfigure: 300_000,
  describe: 30_000,
  taskStatus: 10_000,
  listVMs: 120_000,
  getCapabilities: 30_000,
} as const;
type Method = keyof typeof DEADLINES & UnaryName<ProviderClient>;

/** Calls under way at once: providers exist that start a program for each. */
const MOST_READS = 8;
const MOST_CHANGES = 8;
const CHANGES: ReadonlySet<Method> = new Set(['create', 'delete', 'power', 'reconfigure']);

const OPS = {
  on: PowerOp.POWER_OP_ON,
  off: PowerOp.POWER_OP_OFF,
  shutdown: PowerOp.POWER_OP_SHUTDOWN_GRACEFUL,
} as const;

/** Calls of one provider, each made once. Failures are those of the calls. */
export class Provider {
  /** What errors call it. */
  readonly peer: string;
  readonly #connection: Connection<ProviderClient>;
  readonly #reads = new CallLimit(MOST_READS);
  readonly #changes = new CallLimit(MOST_CHANGES);

  constructor(address: string, connection: Connection<ProviderClient>) {
    this.peer = `provider ${address}`;
    this.#connection = connection;
  }

  close(): void {
    this.#connection.close();
  }

  /** Why it can do nothing at present; empty when it can. */
  async fault(signal: AbortSignal): Promise<string> {
    const { ok, message } = await this.#call('validate', {}, signal);
    return ok ? '' : message || 'it does not say why';
  }

  /** Whether it claims to resize machines while they run. */
  async resizesOnline(signal: AbortSignal): Promise<boolean> {
    return (await this.#call('getCapabilities', {}, signal)).supportsReconfigureOnline;
  }

  create(request: CreateRequest, signal: AbortSignal): Promise<CreateResponse> {
    return this.#call('create', request, signal);
  }

  /** The task's id; empty when it is done. What was not there is gone. */
  async delete(id: string, signal: AbortSignal): Promise<string> {
    try {
      return taskOf(await this.#call('delete', { id }, signal));
    } catch (error) {
      if (verdictOf(error) === 'missing') return '';
      throw error;
    }
  }

  /** The task's id; empty when it is done. @param graceMs for `shutdown` */
  async power(id: string, what: keyof typeof OPS, graceMs: number, signal: AbortSignal): Promise<string> {
    const gracefulTimeoutSeconds = what === 'shutdown' ? Math.ceil(graceMs / 1000) : 0;
    return taskOf(await this.#call('power', { id, op: OPS[what], gracefulTimeoutSeconds }, signal));
  }

  /** The task's id; empty when it is done. */
  async reconfigure(id: string, desiredJson: string, signal: AbortSignal): Promise<string> {
    return taskOf(await this.#call('reconfigure', { id, desiredJson }, signal));
  }

  taskStatus(id: string, signal: AbortSignal): Promise<TaskStatusResponse> {
    return this.#call('taskStatus', { task: { id } }, signal);
  }

  async list(signal: AbortSignal): Promise<readonly VMInfo[]> {
    return (await this.#call('listVMs', {}, signal)).vms;
  }

  /**
   * The machine. Providers exist that say of what they cannot read at the moment that it is not there, and others that fail with
   * an unknown error for what is not there: in doubt it is looked for among all.
   */
  async look(id: string, signal: AbortSignal): Promise<Sight> {
    try {
      const answer = await this.#call('describe', { id }, signal);
      if (answer.exists) return described(answer);
    } catch (error) {
      if (!(error instanceof EdgeplaneError) || !['missing', 'unclear'].includes(verdictOf(error)))
        throw error;
    }
    const listed = (await this.list(signal)).find((vm) => vm.id === id);
    if (!listed) return { state: 'missing' };
    const facts = new Map(Object.entries(listed.providerRaw));
    return present(listed.powerState, listed.ips, facts);
  }

  async #call<M extends Method>(
    method: M,
    request: RequestOf<ProviderClient[M]>,
    signal: AbortSignal,
  ): Promise<ResponseOf<ProviderClient[M]>> {
    const { client, headers } = this.#connection;
    const limit = CHANGES.has(method) ? this.#changes : this.#reads;
    return limit.run(signal, async () => {
      const control = { signal, deadlineMs: DEADLINES[method], headers: await headers() };
      return callUnary(client, method, request, control);
    });
  }
}

const taskOf = ({ task }: TaskResponse): string => task?.id ?? '';

function described({ powerState, ips, providerRawJson }: DescribeResponse): Present {
  const facts = new Map<string, string>();
  try {
    const raw: unknown = JSON.parse(providerRawJson);
    for (const [name, value] of Object.entries(raw ?? {}))
      facts.set(name, typeof value === 'string' ? value : JSON.stringify(value));
  } catch {
    // It is for people, and every provider's own.
  }
  return present(powerState, ips, facts);
}

function present(powerState: string, ips: readonly string[], facts: ReadonlyMap<string, string>): Present {
  const forwards = new Map<string, string>();
  for (const [name, value] of facts) {
    const [, proto, port] = /^forward\.(tcp|udp)\.(\d+)$/.exec(name) ?? [];
    if (proto) forwards.set(`${proto}/${port}`, value);
  }
  const state = powerState.toLowerCase() === 'on' ? 'on' : 'off';
  return { state, reach: { addresses: ips, forwards }, facts };
}
