import type { PeerInfo, Receiver } from '@edgeplane/notify';
import { type KeyOf, OBJECTS } from '@edgeplane/objects';
import { type CloudletInfo, CloudletState } from '@edgeplane/proto/edgeproto/cloudlet.js';
import type { ControllerContext } from '../context.js';
import type { Fence } from './fence.js';
import { insist } from './persistent-receiver.js';

const TYPE = OBJECTS.CloudletInfo;

interface Report {
  readonly info: CloudletInfo;
  readonly peer: PeerInfo;
}

/**
 * What agents report of their sites (controller spec section 16.2): stored under this controller's lease, marked offline
 * when the agent withdraws it or is gone. A report replaces the one before it whole, so that an agent can also clear
 * what it reported.
 */
export class CloudletInfoReceiver implements Receiver<CloudletInfo, KeyOf<'CloudletInfo'>> {
  readonly type = TYPE;
  readonly #context: ControllerContext;
  readonly #fence: Fence;
  /** Last report of each connected agent, by key JSON; stored again when the lease was lost. */
  readonly #live = new Map<string, Report>();

  constructor(context: ControllerContext, fence: Fence) {
    this.#context = context;
    this.#fence = fence;
    context.registry.onRenewed(async () => {
      for (const [keyJson, report] of [...this.#live]) await this.#store(keyJson, report);
    });
    context.caches.cloudletInfos.subscribe(({ key, value, previous }) => {
      const report = this.#live.get(key);
      if (!report) return;
      // The session that had the site is gone, or its controller, and its lease with it.
      const last = value?.state === CloudletState.CLOUDLET_STATE_OFFLINE ? value : !value && previous;
      if (!last || this.#isOwn(last)) return;
      context.background.run('report', () => insist(context, TYPE.name, () => this.#store(key, report)));
    });
  }

  async onUpdate(object: CloudletInfo, peer: PeerInfo): Promise<void> {
    const info: CloudletInfo = {
      ...object,
      fields: [],
      notifyId: peer.id,
      controller: this.#context.controllerId(),
      session: BigInt(peer.session ?? 0),
    };
    const keyJson = TYPE.keyJsonOf(info);
    this.#fence.enter(keyJson, peer);
    const report = { info, peer };
    this.#live.set(keyJson, report);
    await this.#store(keyJson, report);
  }

  async onDelete(key: KeyOf<'CloudletInfo'>, keyJson: string, peer: PeerInfo): Promise<void> {
    if (this.#live.get(keyJson)?.peer.id === peer.id) this.#live.delete(keyJson);
    await this.#markOffline(key, peer);
  }

  async onDisconnect(peer: PeerInfo): Promise<void> {
    // A stopping controller ends its lease, and with it every report.
    if (this.#context.stopping.aborted) return;
    for (const [keyJson, report] of [...this.#live]) {
      if (report.peer.id !== peer.id) continue;
      this.#live.delete(keyJson);
      try {
        await this.#markOffline(TYPE.key(report.info), peer);
      } catch (error) {
        // It is asked again.
        if (!this.#live.has(keyJson)) this.#live.set(keyJson, report);
        throw error;
      }
    }
    this.#fence.leave(peer);
  }

  /** Unless there is a later report here by now, or a newer session of the agent has the site. */
  async #store(keyJson: string, report: Report): Promise<void> {
    const { db, registry } = this.#context;
    const { info, peer } = report;
    const { value: claim } = await registry.withLease((lease) =>
      db.commit(async (tx) => {
        if (this.#live.get(keyJson) !== report) return undefined;
        const claim = this.#fence.claim(keyJson, peer, await tx.get(TYPE, TYPE.key(info)));
        if (claim === undefined) return undefined;
        tx.put(TYPE, { ...info, claim }, lease);
        return claim;
      }),
    );
    if (claim !== undefined) await this.#fence.claimed(keyJson, peer, claim);
  }

  #isOwn({ controller }: CloudletInfo): boolean {
    return controller === this.#context.controllerId();
  }

  /** Unless a newer connection, here or at another controller, has reported since. */
  async #markOffline(key: KeyOf<'CloudletInfo'>, peer: PeerInfo): Promise<void> {
    const { db, registry } = this.#context;
    await registry.withLease((lease) =>
      db.commit(async (tx) => {
        const stored = await tx.get(TYPE, key);
        if (!stored || stored.notifyId !== peer.id || !this.#isOwn(stored)) return;
        tx.put(TYPE, { ...stored, state: CloudletState.CLOUDLET_STATE_OFFLINE }, lease);
      }),
    );
  }
}
