import type { MessageReceiver, Receiver, SendSource } from './types.js';
import { fullTypeName } from './wire.js';

/** Dependencies before what depends on them (controller spec section 17.3). */
const SEND_ORDER = ['Flavor', 'Cloudlet', 'Cluster', 'ClusterInst', 'App', 'AppInst'].map(fullTypeName);

/** The want list of a server (controller spec section 17.1). */
const SERVER_WANT_ORDER = [
  'CloudletInfo',
  'AppInstInfo',
  'ClusterInstInfo',
  'Metric',
  'Node',
  'ExecRequest',
].map(fullTypeName);

/** Sources in send order; types without a place in it follow, in the order given. */
export function inSendOrder(sources: readonly SendSource[]): readonly SendSource[] {
  return byPlace(sources, SEND_ORDER, (source) => source.type.fullName);
}

/** Full names of what the receivers take, in the order of a server's want list. */
export function serverWants(
  receivers: readonly Receiver[],
  messageReceivers: readonly MessageReceiver[],
): readonly string[] {
  return byPlace(receivedTypes(receivers, messageReceivers), SERVER_WANT_ORDER, (name) => name);
}

/** Full names of what the receivers take, in the order given. */
export function receivedTypes(
  receivers: readonly Receiver[],
  messageReceivers: readonly MessageReceiver[],
): readonly string[] {
  return [
    ...receivers.map((receiver) => receiver.type.fullName),
    ...messageReceivers.map((receiver) => fullTypeName(receiver.typeName)),
  ];
}

function byPlace<T>(
  items: readonly T[],
  order: readonly string[],
  nameOf: (item: T) => string,
): readonly T[] {
  const place = (item: T) => {
    const at = order.indexOf(nameOf(item));
    return at < 0 ? order.length : at;
  };
  return [...items].sort((a, b) => place(a) - place(b));
}
