import { type Clock, isKind, messageOf, seededRandom } from '@edgeplane/base';
import { ALL_OBJECTS } from '@edgeplane/objects';
import { Notice } from '@edgeplane/proto/edgeproto/notice.js';
import { notifyErrors } from '../errors.js';
import { emptyNotice, encodeNotice } from '../v2/notices.js';
import { checkedBody, decodeNotice } from '../wire.js';
import { Dice } from './dice.js';
import { mutate, unknownField } from './mutate.js';
import { randomMessage } from './random-message.js';

/** What a decoder did that it must not do, and with what. */
export interface DecoderFault {
  readonly what: string;
  readonly bytes: Buffer;
}

/** No input may take longer, milliseconds: a thousand times what is usual, for slow machines. */
const LONGEST_MS = 2000;

/** Notices from a seed, and what becomes of them: valid, mutated, and with what a peer of version 1 skips. */
export function fuzzDecoder(seed: number, clock: Clock): DecoderFault[] {
  const dice = new Dice(seededRandom(seed));
  const valid = Array.from({ length: 8 }, () => randomNotice(dice));
  const faults: DecoderFault[] = [];
  for (const notice of valid) faults.push(...roundTrip(dice, notice));
  const encoded = valid.map((notice) => encodeNotice(notice));
  for (let i = 0; i < 40; i++) {
    const bytes = mutate(dice, encoded[dice.below(encoded.length)] ?? Buffer.alloc(0), encoded);
    faults.push(...decode(bytes, clock));
  }
  return faults;
}

/** All that is to be said of one input, for those that are kept. */
export function decode(bytes: Buffer, clock: Clock): DecoderFault[] {
  const started = clock.monotonic();
  const faults: DecoderFault[] = [];
  const fault = (what: string) => faults.push({ what, bytes });
  try {
    const notice = decodeNotice(bytes);
    bodies(notice, fault);
    const again = encodeNotice(notice);
    if (!encodeNotice(decodeNotice(again)).equals(again))
      fault('decoding what was decoded and encoded makes something else');
  } catch (error) {
    const named = [notifyErrors.NOTICE_MALFORMED, notifyErrors.NOTICE_TOO_COMPLEX];
    if (!named.some((kind) => isKind(error, kind))) fault(`decodeNotice: ${messageOf(error)}`);
  }
  const took = clock.monotonic() - started;
  if (took > LONGEST_MS) fault(`took ${Math.round(took)} ms`);
  return faults;
}

/** What may be in a notice: an error is the decoder's answer, as long as it is one. */
function bodies({ any, changes }: Notice, fault: (what: string) => void): void {
  for (const body of [
    any?.value ?? Buffer.alloc(0),
    ...changes.flatMap(({ object, key }) => [object, key]),
  ]) {
    for (const type of ALL_OBJECTS) {
      try {
        const object = type.fromWire(checkedBody(body, type.fullName));
        const key = type.keyJsonOf(object);
        if (type.keyJson(type.parseKeyJson(key)) !== key)
          fault(`${type.name}: key ${key} is another when read`);
      } catch (error) {
        if (!(error instanceof Error)) fault(`${type.name}: threw what is no error`);
      }
    }
  }
}

function roundTrip(dice: Dice, notice: Notice): DecoderFault[] {
  const bytes = encodeNotice(notice);
  const decoded = decodeNotice(bytes);
  const faults: DecoderFault[] = [];
  if (!encodeNotice(decoded).equals(bytes)) faults.push({ what: 'decoding does not undo encoding', bytes });
  const more = decodeNotice(Buffer.concat([unknownField(dice), bytes, unknownField(dice)]));
  if (!encodeNotice(more).equals(bytes)) faults.push({ what: 'unknown fields are not skipped', bytes });
  // Version 1 knows nothing of fields from 100 up: without them the rest is the same.
  const { action, version, any, wantObjs, filterCloudletKey } = decoded;
  const first = { ...emptyNotice(), action, version, any, wantObjs, filterCloudletKey };
  const alone = Buffer.from(Notice.encode(first).finish());
  if (!bytes.subarray(0, alone.length).equals(alone))
    faults.push({ what: 'fields of version 2 stand among those of version 1', bytes });
  return faults;
}

function randomNotice(dice: Dice): Notice {
  const notice = { ...emptyNotice(), ...randomMessage(dice, 'edgeproto.Notice') } as Notice;
  const type = ALL_OBJECTS[dice.below(ALL_OBJECTS.length)];
  if (!type || dice.chance(30)) return notice;
  const body = Buffer.from(type.toWire(randomMessage(dice, type.fullName)));
  const key = Buffer.alloc(0);
  const change = { type: dice.below(4), object: body, key, revision: 1n, keyNumber: 1, origin: undefined };
  return {
    ...notice,
    any: { typeUrl: `type.googleapis.com/${type.fullName}`, value: body },
    changes: [...notice.changes, change],
  };
}
