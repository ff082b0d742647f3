import { OBJECTS } from '@edgeplane/objects';
import type { Hello, Sync } from '@edgeplane/proto/edgeplane/notify.js';
import { type Notice, NoticeAction } from '@edgeplane/proto/edgeproto/notice.js';
import { data, make } from '../testing.js';
import { keyNumber } from '../v2/digest.js';
import { emptyNotice, encodeNotice } from '../v2/notices.js';
import type { Dice } from './dice.js';
import { mutate } from './mutate.js';
import { randomMessage } from './random-message.js';

/** What a peer may send that both sides of a session take: by name of the type. */
export const FUZZED_TYPES = ['Node', 'CloudletInfo', 'Flavor', 'App', 'AppInst'] as const;

/** What a peer means to be: it speaks its version well enough to get somewhere, and then anything. */
export class RandomPeer {
  readonly #dice: Dice;
  readonly #hello: Notice;
  /** How often, of a hundred times, it does not keep to the protocol. */
  readonly #wildness: number;
  #sequence = 0n;

  /** `dataModel`: that which the other side knows; `node`: our name. Clients may have a scope. */
  constructor(dice: Dice, dataModel: string, node: string, isClient: boolean) {
    this.#dice = dice;
    this.#wildness = dice.pick([0, 1, 3, 30]);
    const version = dice.pick([1, 2, 2, 2, 3]);
    this.#hello = {
      ...emptyNotice(),
      ...{ action: NoticeAction.VERSION, version },
      wantObjs: dice.some(6, () => `edgeproto.${dice.pick(FUZZED_TYPES)}`),
      filterCloudletKey: dice.chance(30),
      ...(version > 1 && { hello: this.#second(dataModel, node, isClient) }),
    };
  }

  /** What opens a session, mostly. */
  first(): Buffer {
    return this.#isBad() ? this.next() : encodeNotice(this.#hello);
  }

  /** What comes next, or what does not. */
  next(): Buffer {
    const dice = this.#dice;
    const bytes = encodeNotice(this.#notice());
    return this.#isBad() ? mutate(dice, bytes, [bytes]) : bytes;
  }

  #notice(): Partial<Notice> {
    const dice = this.#dice;
    switch (this.#isBad() ? dice.below(14) : dice.pick([1, 3, 5, 6, 8, 10, 11, 12, 13])) {
      case 0:
        return this.#hello;
      case 1:
        return { action: NoticeAction.SENDALL_END, any: { typeUrl: '', value: Buffer.alloc(0) } };
      case 2:
        return data(dice.pick(['UPDATE', 'DELETE']), 'Node', this.#node());
      case 3:
        return data(dice.pick(['UPDATE', 'DELETE']), 'Flavor', make.flavor(dice.pick(['a', 'b', 'hostile'])));
      case 4:
        return { ack: this.#number() };
      case 5:
        return {
          nacks: dice.some(4, () => ({
            sequence: BigInt(dice.below(5)),
            index: dice.below(4),
            reason: dice.text(9),
          })),
        };
      case 6:
        return {
          scope: {
            add: dice.some(3, () => this.#cloudlet()),
            remove: dice.some(3, () => this.#cloudlet()),
            wholeAdd: dice.some(2, () => this.#type()),
            wholeRemove: dice.some(2, () => this.#type()),
            number: dice.below(5),
          },
        };
      case 7:
        return dice.chance(20)
          ? { drain: { reason: dice.text(9), retryAfterMs: dice.pick([0, 1, 2 ** 32 - 1]) } }
          : dice.pick([
              { asksStore: dice.below(5) },
              { store: { question: dice.below(3), revision: this.#number() } },
            ]);
      case 8:
        return { messages: dice.some(3, () => ({ type: this.#type(), body: dice.bytes(9) })) };
      case 9:
        return randomMessage(dice, 'edgeproto.Notice') as Partial<Notice>;
      default:
        return this.#frame();
    }
  }

  /** A frame of version 2, mostly the one whose turn it is. */
  #frame(): Partial<Notice> {
    const dice = this.#dice;
    this.#sequence += 1n;
    const sequence = this.#isBad() ? this.#number() : this.#sequence;
    return {
      sequence,
      ...(dice.chance(70) && { changes: dice.some(4, () => this.#change()) }),
      ...(dice.chance(20) && { gone: dice.some(3, () => dice.below(4)) }),
      ...(dice.chance(50) && { sync: dice.some(3, () => this.#mark()) }),
      ...(dice.chance(20) && { action: NoticeAction.SENDALL_END }),
      ...(dice.chance(20) && { ack: this.#isBad() ? this.#number() : 1n }),
    };
  }

  #change() {
    const dice = this.#dice;
    const name = dice.pick(['a', 'b', 'hostile']);
    const object = dice.pick([
      OBJECTS.Node.toWire(this.#node()),
      OBJECTS.Flavor.toWire(make.flavor(name, BigInt(dice.below(3)))),
      OBJECTS.App.toWire(make.app(name)),
      OBJECTS.AppInst.toWire(make.appInst(name, 'x')),
      OBJECTS.CloudletInfo.toWire(make.cloudletInfo(name)),
      dice.bytes(6),
    ]);
    const dead = dice.chance(25);
    return {
      origin: dice.chance(30) ? { number: dice.below(4), since: this.#number() } : undefined,
      type: dice.pick([0, 1, 2, 3, 4, 5, 77]),
      object: dead ? Buffer.alloc(0) : Buffer.from(object),
      key: dead ? Buffer.from(object) : Buffer.alloc(0),
      revision: this.#number(),
      keyNumber: dice.pick([0, 1, keyNumber(OBJECTS.Flavor.keyJson({ name })), 2 ** 32 - 1]),
    };
  }

  #mark(): Sync {
    const dice = this.#dice;
    const count = this.#isBad() ? dice.pick([0, 1, 2, 17, 8192]) : dice.pick([16, 32, 4096]);
    const digest = { count: dice.below(4), high: dice.pick([0, 7]), low: dice.pick([0, 7]) };
    const buckets = dice.some(5, () => dice.below(40));
    return {
      type: dice.pick([0, 1, 2, 3, 4, 5, 77, 2 ** 32 - 1]),
      revision: this.#number(),
      scope: dice.below(5),
      mark: dice.pick<NonNullable<Sync['mark']>>([
        { $case: 'digest', value: { count: 1, high: 1, low: 1 } },
        { $case: 'digest', value: digest },
        { $case: 'digest', value: { count: 0, high: 0, low: 0 } },
        { $case: 'buckets', value: { sums: Array.from({ length: count * 2 }, () => dice.below(9)) } },
        { $case: 'reset', value: { of: count, buckets } },
      ]),
    };
  }

  #second(dataModel: string, node: string, isClient: boolean): Hello {
    const dice = this.#dice;
    if (this.#isBad()) return randomMessage(dice, 'edgeplane.notify.Hello') as unknown as Hello;
    const named = dice.some(5, () => this.#type());
    const types = this.#isBad() ? named : [...new Set(named)];
    return {
      ...{ dataModel, node, types, lineage: dice.text(2), lastServer: '' },
      session: this.#number(),
      whole: dice.some(2, () => this.#type()),
      scopeNumber: dice.below(5),
      origins: dice.some(3, () => dice.below(4)),
      path: dice.some(2, () => dice.text(3)),
      revisions: types.map(() => this.#number()),
      scope: isClient || this.#isBad() ? dice.some(3, () => this.#cloudlet()) : [],
      held: dice.some(5, () => ({
        type: this.#type(),
        lineage: dice.text(2),
        revision: this.#number(),
        digest: dice.pick([undefined, { count: 1, high: 1, low: 1 }]),
        newest: this.#number(),
      })),
    };
  }

  #isBad(): boolean {
    return this.#dice.chance(this.#wildness);
  }

  #number(): bigint {
    if (this.#isBad()) return this.#dice.pick([2n ** 53n, 2n ** 64n - 1n]);
    return this.#dice.pick([0n, 1n, 2n, 3n, this.#sequence, 2n ** 53n - 1n]);
  }

  #type(): string {
    return this.#dice.chance(90) ? `edgeproto.${this.#dice.pick(FUZZED_TYPES)}` : this.#dice.text(5);
  }

  #node() {
    return OBJECTS.Node.withKey({ ...OBJECTS.Node.empty().key, name: this.#dice.text(2) } as never);
  }

  #cloudlet(): Buffer {
    return this.#dice.chance(80)
      ? Buffer.from(OBJECTS.Cloudlet.toWire(make.cloudlet(this.#dice.pick(['x', 'y']))))
      : this.#dice.bytes(5);
  }
}
