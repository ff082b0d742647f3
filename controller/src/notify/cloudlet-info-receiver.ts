import type { PeerInfo, Receiver } from '@edgeplane/notify';
import { type KeyOf, OBJECTS } from '@edgeplane/objects';
import { type CloudletInfo, CloudletState } from '@edgeplane/proto/edgeproto/cloudlet.js';
import type { ControllerContext } from '../context.js';
import { insist } from './persistent-receiver.js';

const TYPE = OBJECTS.CloudletInfo;

/**
 * What agents report of their sites (controller spec section 16.2): stored under this controller's lease, marked offline
 * when the agent withdraws it or is gone. A report replaces the one before it whole, so that an agent can also clear
 * what it reported.
 */
export class CloudletInfoReceiver implements Receiver<CloudletInfo, KeyOf<'CloudletInfo'>> {
  readonly type = TYPE;
  readonly #context: ControllerContext;
  /** Last report of each connected agent, by key JSON; stored again when the lease was lost. */
  readonly #live = new Map<string, CloudletInfo>();

  constructor(context: ControllerContext) {
    this.#context = context;
    context.registry.onRenewed(async () => {
      for (const info of this.#live.values()) await this.#storeAgain(info);
    });
    context.caches.cloudletInfos.subscribe(({ key, value, previous }) => {
      const info = this.#live.get(key);
      if (!info) return;
      // Another controller was late to store what it had heard, or to notice that the agent has left it, and may have taken
      // its own report for the last; then it marked it offline, or ended, and its lease with it.
      const last = value?.state === CloudletState.CLOUDLET_STATE_OFFLINE ? value : !value && previous;
      if (!last || this.#isOwn(last)) return;
      context.background.run('report', () => insist(context, TYPE.name, () => this.#store(info)));
    });
  }

  async onUpdate(object: CloudletInfo, peer: PeerInfo): Promise<void> {
    const info: CloudletInfo = {
      ...object,
      fields: [],
      notifyId: peer.id,
      controller: this.#context.controllerId(),
    };
    const keyJson = TYPE.keyJsonOf(info);
    this.#live.set(keyJson, info);
    await this.#store(info);
  }

  async onDelete(key: KeyOf<'CloudletInfo'>, keyJson: string, peer: PeerInfo): Promise<void> {
    if (this.#live.get(keyJson)?.notifyId === peer.id) this.#live.delete(keyJson);
    await this.#markOffline(key, peer);
  }

  async onDisconnect(peer: PeerInfo): Promise<void> {
    // A stopping controller ends its lease, and with it every report.
    if (this.#context.stopping.aborted) return;
    for (const [keyJson, info] of [...this.#live]) {
      if (info.notifyId !== peer.id) continue;
      this.#live.delete(keyJson);
      await this.#markOffline(TYPE.key(info), peer);
    }
  }

  async #store(info: CloudletInfo): Promise<void> {
    const { db, registry } = this.#context;
    await registry.withLease((lease) => db.commit(async (tx) => tx.put(TYPE, info, lease)));
  }

  #isOwn({ controller }: CloudletInfo): boolean {
    return controller === this.#context.controllerId();
  }

  /** Unless the agent reports to another controller by now: its connection to this one may be dead without our knowing. */
  async #storeAgain(info: CloudletInfo): Promise<void> {
    const { db, registry } = this.#context;
    await registry.withLease((lease) =>
      db.commit(async (tx) => {
        const stored = await tx.get(TYPE, TYPE.key(info));
        if (!stored || this.#isOwn(stored)) tx.put(TYPE, info, lease);
      }),
    );
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
