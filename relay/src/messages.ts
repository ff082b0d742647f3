import { type Clock, type ErrorKind, fail } from '@edgeplane/base';
import type { MessageReceiver, PeerInfo } from '@edgeplane/notify';
import { OBJECTS } from '@edgeplane/objects';
import type { ExecRequest } from '@edgeplane/proto/edgeproto/exec.js';
import { relayErrors } from './errors.js';
import { ExecWays } from './exec-ways.js';

export interface MessagesOptions {
  readonly clock: Pick<Clock, 'monotonic'>;
  /** To the peers below that satisfy the predicate; to how many it went. */
  readonly down: (type: string, message: unknown, predicate: (peer: PeerInfo) => boolean) => number;
  /** To the node above; false when it went nowhere. */
  readonly up: (type: string, message: unknown) => boolean;
  /** Of this relay. */
  readonly name: string;
}

/** What is not kept, on its way through a relay: the receivers of its lower end, and those of its upper one. */
export function messageReceivers({ clock, down, up, name }: MessagesOptions): {
  readonly below: readonly MessageReceiver[];
  readonly above: readonly MessageReceiver[];
} {
  const ways = new ExecWays(clock);
  const refuse = (message: ExecRequest, kind: ErrorKind) =>
    void up('ExecRequest', { ...message, answer: '', err: fail(kind, { name }).message });
  const metrics: MessageReceiver = {
    typeName: 'Metric',
    onMessage: (metric) => void up('Metric', metric),
  };
  const replies: MessageReceiver<ExecRequest> = {
    typeName: 'ExecRequest',
    onMessage(reply, { id }) {
      ways.replied(reply, id);
      up('ExecRequest', reply);
    },
    onDisconnect({ id }) {
      for (const message of ways.gone(id)) refuse(message, relayErrors.EXEC_AGENT_LOST);
    },
  };
  /** Offers of shells go to the sessions that report their cloudlet, and to those that take everything. */
  const offers: MessageReceiver<ExecRequest> = {
    typeName: 'ExecRequest',
    onMessage(message) {
      const cloudlet = message.appInstKey?.clusterInstKey?.cloudletKey;
      const keyJson = cloudlet && OBJECTS.Cloudlet.keyJson(cloudlet);
      const asked: bigint[] = [];
      const sent = down('ExecRequest', message, (peer) => {
        const is = !peer.filterCloudletKey || (keyJson !== undefined && peer.cloudlets.has(keyJson));
        if (is) asked.push(peer.id);
        return is;
      });
      if (sent === 0) refuse(message, relayErrors.EXEC_NO_AGENT);
      else ways.sent(message, asked);
    },
  };
  // Receivers of different messages share one list; each is only ever given its own.
  return {
    below: [metrics, replies] as readonly unknown[] as readonly MessageReceiver[],
    above: [offers] as readonly unknown[] as readonly MessageReceiver[],
  };
}
