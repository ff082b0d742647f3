import { fail } from '@edgeplane/base';
import {
  DynamicLocGroupRequest_DlgCommType as CommType,
  type DynamicLocGroupReply,
  type DynamicLocGroupRequest,
  ReplyStatus,
} from '@edgeplane/proto/dme/app-client.js';
import {
  DlgMessage_DlgAck as DlgAck,
  type DlgMessage,
  type DynamicLocGroupApiService,
} from '@edgeplane/proto/dme/dynamic-loc-group.js';
import { type ServiceHandlers, serverStream, unary } from '@edgeplane/rpc';
import { dmeErrors } from '../errors.js';
import {
  type CheckedMembership,
  channelOf,
  checkGroupCookie,
  issueGroupCookie,
} from '../groups/group-cookie.js';
import { withKeysFor } from '../keys/key-ring.js';
import { type Session, unixSeconds } from '../sessions.js';
import type { Engine } from './engine.js';

/** Longest text that a member may say of itself, UTF-16 units: it travels in the cookie. */
const MAX_USER_DATA = 1024;
/** `error_code` of a secure group where connections are not encrypted. */
const NO_SECURE_CHANNEL = 1;
/** Where acknowledgements may come now and then, they come for so many messages at a time. */
const ACK_EVERY = 16n;

/** Makes the client a member (match engine spec section 4.7); the cookie is what the other calls want. */
export function addUserToGroup(
  { ring, groups, clock, cookieExpirationMs, secure }: Engine,
  { lgId, commType, userData }: DynamicLocGroupRequest,
  session: Session,
): DynamicLocGroupReply {
  if (commType === CommType.DLG_SECURE && !secure)
    return { ver: 0, status: ReplyStatus.RS_FAIL, errorCode: NO_SECURE_CHANNEL, groupCookie: '' };
  if (userData.length > MAX_USER_DATA)
    throw fail(dmeErrors.USER_DATA_TOO_LONG, { limit: MAX_USER_DATA, length: userData.length });
  const iat = unixSeconds(clock);
  const times = { iat, exp: iat + Math.floor(cookieExpirationMs / 1000) };
  const membership = { channel: channelOf(session, lgId), member: groups.newMember(), userData };
  const groupCookie = issueGroupCookie(ring.keys, lgId, membership, times);
  return { ver: 0, status: ReplyStatus.RS_SUCCESS, errorCode: 0, groupCookie };
}

/** The handlers of `distributed_match_engine.DynamicLocGroupApi` (match engine spec section 4.8, and what is ours). */
export function dynamicLocGroupApi({
  ring,
  groups,
  clock,
  gate,
}: Pick<Engine, 'ring' | 'clock' | 'groups' | 'gate'>): ServiceHandlers<typeof DynamicLocGroupApiService> {
  const membership = (cookie: string, groupId: bigint): CheckedMembership | Promise<CheckedMembership> =>
    withKeysFor(ring, cookie, (keys) => checkGroupCookie(cookie, groupId, keys, unixSeconds(clock)));
  return {
    sendToGroup: unary(async (message, context) => {
      const refusal = gate.refusal(context, clock.monotonic());
      if (refusal) return refusal;
      const { groupCookie, lgId, messageId } = message;
      // A client that has no cookie does not know of groups; it is told what it always was, and heard by nobody.
      if (groupCookie === '') return { ver: 0, ackId: messageId, groupCookie: '' };
      const sender = membership(groupCookie, lgId);
      // Not awaited without need: messages of one connection stay in order.
      groups.send(sender instanceof Promise ? await sender : sender, message);
      return { ver: 0, ackId: ackOf(message), groupCookie: '' };
    }),
    receiveFromGroup: serverStream(async ({ groupCookie, lgId }, send, { signal }) => {
      await groups.receive(await membership(groupCookie, lgId), send, signal);
    }),
  };
}

function ackOf({ ackType, messageId }: DlgMessage): bigint {
  if (ackType === DlgAck.DLG_NO_ACK) return 0n;
  return ackType === DlgAck.DLG_ASY_EVERY_N_MESSAGE ? messageId - (messageId % ACK_EVERY) : messageId;
}
