import type { Duplex } from 'node:stream';
import type { Clock } from '@edgeplane/base';
import { connect, NOTIFY_CLIENT_KEEPALIVE, type TlsMaterial } from '@edgeplane/rpc';
import { Client } from '@grpc/grpc-js';
import type { NotifyCall, NotifyDialer } from './transport.js';
import { RawNotifyService } from './wire.js';

/** Calls over gRPC, each on a connection of its own. */
export function grpcDialer(tls: TlsMaterial | undefined, maxReceiveBytes: number): NotifyDialer {
  return (address): NotifyCall => {
    const client = connect(Client, address, tls, { maxReceiveBytes, keepalive: NOTIFY_CLIENT_KEEPALIVE });
    const { path, requestSerialize, responseDeserialize } = RawNotifyService.streamNotice;
    const call = client.makeBidiStreamRequest(path, requestSerialize, responseDeserialize);
    return {
      stream: call as unknown as Duplex,
      farewell: (clock: Clock, graceMs: number) =>
        new Promise((resolve) => {
          const cancel = clock.after(graceMs, resolve);
          call.once('status', () => {
            cancel();
            resolve();
          });
          call.resume();
          call.end();
        }),
      close: () => {
        call.cancel();
        client.close();
      },
    };
  };
}
