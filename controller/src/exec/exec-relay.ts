import { type Clock, fail, type Random } from '@edgeplane/base';
import type { MessageReceiver, PeerInfo } from '@edgeplane/notify';
import { OBJECTS } from '@edgeplane/objects';
import type { CloudletKey } from '@edgeplane/proto/edgeproto/cloudlet.js';
import type { ExecRequest } from '@edgeplane/proto/edgeproto/exec.js';
import { controllerErrors } from '../errors.js';
import { cloudletKeyText } from '../operations/cloudlet-ready.js';
import { type Outcome, type Pending, PendingTable } from './pending.js';

/** How long agents may take, milliseconds (controller spec section 18.3). */
const DEADLINE_MS = 6000;
/** An offer is some kilobytes, and is kept while it waits. */
const MAX_PENDING = 1000;

export interface ExecRelayOptions {
  readonly clock: Clock;
  readonly random: Random;
  /** As NotifyServer.sendMessage: to those who want ExecRequests and satisfy the predicate. */
  readonly send: (message: ExecRequest, predicate: (peer: PeerInfo) => boolean) => number;
  readonly deadlineMs?: number;
  readonly maxPending?: number;
}

/**
 * Sends offers to the agents that are connected to this controller, and finds each reply's offer (controller spec
 * section 18.3). An offer goes to the sessions that reported its cloudlet, and to those that take everything, as other
 * agents may be behind them.
 */
export class ExecRelay implements MessageReceiver<ExecRequest> {
  readonly typeName = 'ExecRequest';
  readonly #options: ExecRelayOptions;
  readonly #table: PendingTable;

  constructor(options: ExecRelayOptions) {
    this.#options = options;
    const life = Math.floor(options.random.next() * 2 ** 48).toString(36);
    this.#table = new PendingTable(life, options.maxPending ?? MAX_PENDING);
  }

  /** Offers that wait. */
  get pending(): number {
    return this.#table.size;
  }

  /**
   * The request with `answer` set, or with `err` set to what the agents said. Aborting gives the place in the table free.
   * @throws EdgeplaneError EXEC_NOT_HERE at once when nobody could answer, EXEC_AGENT_LOST, EXEC_TIMEOUT, EXEC_TOO_MANY
   */
  async ask(request: ExecRequest, signal: AbortSignal): Promise<ExecRequest> {
    signal.throwIfAborted();
    const cloudlet = request.appInstKey?.clusterInstKey?.cloudletKey;
    const outcome = await this.#outcome(request, cloudlet, signal);
    if (outcome === undefined) throw fail(controllerErrors.EXEC_TIMEOUT);
    if (outcome.kind === 'answer') return { ...request, answer: outcome.answer, err: '' };
    if (outcome.kind === 'refused') return { ...request, answer: '', err: outcome.text };
    throw fail(controllerErrors.EXEC_AGENT_LOST, { key: cloudletKeyText(cloudlet) });
  }

  onMessage(message: ExecRequest, peer: PeerInfo): void {
    this.#table.reply(message, peer.id);
  }

  onDisconnect(peer: PeerInfo): void {
    this.#table.disconnected(peer.id);
  }

  /** Undefined when the time is over. */
  #outcome(
    request: ExecRequest,
    cloudlet: CloudletKey | undefined,
    signal: AbortSignal,
  ): Promise<Outcome | undefined> {
    return new Promise((resolve, reject) => {
      const end = () => {
        cancel();
        signal.removeEventListener('abort', abort);
        this.#table.remove(pending);
      };
      const abort = () => {
        end();
        reject(signal.reason);
      };
      const pending = this.#table.add(request.offer, (outcome) => {
        end();
        resolve(outcome);
      });
      const cancel = this.#options.clock.after(this.#options.deadlineMs ?? DEADLINE_MS, () => {
        end();
        const text = pending.refusals.join('; ');
        resolve(text === '' ? undefined : { kind: 'refused', text });
      });
      signal.addEventListener('abort', abort, { once: true });
      try {
        this.#send(request, pending, cloudlet);
      } catch (error) {
        end();
        reject(error);
      }
    });
  }

  #send(request: ExecRequest, pending: Pending, cloudlet: CloudletKey | undefined): void {
    const keyJson = cloudlet && OBJECTS.Cloudlet.keyJson(cloudlet);
    const message = { ...request, offer: pending.offer, requestId: pending.id, answer: '', err: '' };
    const sent = this.#options.send(message, (peer) => {
      const own = keyJson !== undefined && peer.cloudlets.has(keyJson);
      if (own) pending.agents.add(peer.id);
      else if (!peer.filterCloudletKey) pending.relays.add(peer.id);
      return own || !peer.filterCloudletKey;
    });
    if (sent === 0) throw fail(controllerErrors.EXEC_NOT_HERE, { key: cloudletKeyText(cloudlet) });
  }
}
