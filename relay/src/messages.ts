import { fail } from '@edgeplane/base';
import type { MessageReceiver, PeerInfo } from '@edgeplane/notify';
import { OBJECTS } from '@edgeplane/objects';
import type { ExecRequest } from '@edgeplane/proto/edgeproto/exec.js';
import { relayErrors } from './errors.js';

/** What agents send that is not kept: measurements, and replies to offers of shells. */
export function messagesUp(send: (type: string, message: unknown) => boolean): MessageReceiver[] {
  return ['Metric', 'ExecRequest'].map((typeName) => ({
    typeName,
    onMessage: (message) => void send(typeName, message),
  }));
}

export interface MessagesDownOptions {
  /** To the peers below that satisfy the predicate; to how many it went. */
  readonly send: (message: ExecRequest, predicate: (peer: PeerInfo) => boolean) => number;
  /** Tells the node above that nobody will answer. */
  readonly refuse: (message: ExecRequest) => boolean;
  readonly name: string;
}

/** Offers of shells go to the sessions that report their cloudlet, and to those that take everything. */
export function messagesDown({ send, refuse, name }: MessagesDownOptions): MessageReceiver[] {
  const exec: MessageReceiver<ExecRequest> = {
    typeName: 'ExecRequest',
    onMessage(message) {
      const cloudlet = message.appInstKey?.clusterInstKey?.cloudletKey;
      const keyJson = cloudlet && OBJECTS.Cloudlet.keyJson(cloudlet);
      const sent = send(
        message,
        (peer) => !peer.filterCloudletKey || (keyJson !== undefined && peer.cloudlets.has(keyJson)),
      );
      if (sent === 0)
        refuse({ ...message, answer: '', err: fail(relayErrors.EXEC_NO_AGENT, { name }).message });
    },
  };
  return [exec] as readonly unknown[] as MessageReceiver[];
}
