import { statfs } from 'node:fs/promises';
import { fail } from '@edgeplane/base';
import { agentErrors } from '../errors.js';
import type { HostPaths } from './host-paths.js';
import { readMemory } from './memory.js';

/** What work is going to take, MB. */
export interface Need {
  /** Name of the flavor that says so, for the error. */
  readonly flavor: string;
  readonly memoryMb: number;
  readonly diskMb: number;
  /** Room for an image that is not here yet. */
  readonly imageMb: number;
}

/** What can be taken now, MB. */
export interface Room {
  readonly memoryMb: number;
  readonly diskMb: number;
}

export type ReadRoom = () => Promise<Room>;

/** What the host has free at the moment. @param folder where workloads are kept */
export function hostRoom(folder: string, paths: HostPaths): ReadRoom {
  return async () => {
    const [memory, disk] = [await readMemory(paths), await statfs(folder)];
    return {
      memoryMb: Math.floor(memory.availableKb / 1024),
      diskMb: Math.floor((disk.bavail * disk.bsize) / 1024 ** 2),
    };
  };
}

/**
 * Refuses work that the host has no room for just now. What is admitted counts as taken until it is released, which is
 * when it has been begun and the host itself shows what it takes; so works that begin at once do not count on the same room.
 */
export class Admission {
  readonly #readRoom: ReadRoom;
  readonly #admitted = new Set<Need>();
  #turn: Promise<unknown> = Promise.resolve();

  constructor(readRoom: ReadRoom) {
    this.#readRoom = readRoom;
  }

  /** Runs the work if there is room for it. @throws NO_ROOM naming the field, what it needs and what there is */
  async admit<T>(need: Need, work: () => Promise<T>): Promise<T> {
    const check = this.#turn.then(() => this.#check(need));
    this.#turn = check.catch(() => undefined);
    await check;
    try {
      return await work();
    } finally {
      this.#admitted.delete(need);
    }
  }

  async #check(need: Need): Promise<void> {
    const room = await this.#readRoom();
    const sum = (figure: (n: Need) => number) => [...this.#admitted].reduce((all, n) => all + figure(n), 0);
    const refuse = (field: string, wanted: number, have: number, note: string) =>
      fail(agentErrors.NO_ROOM, { flavor: need.flavor, field, wanted: Math.ceil(wanted), have, note });
    const memory = room.memoryMb - sum((n) => n.memoryMb);
    if (need.memoryMb > memory) throw refuse('ram', need.memoryMb, memory, '');
    const disk = room.diskMb - sum(diskOf);
    const image = need.imageMb > 0 ? ` with ${Math.ceil(need.imageMb)} MB for the image` : '';
    if (diskOf(need) > disk) throw refuse('disk', diskOf(need), disk, image);
    this.#admitted.add(need);
  }
}

const diskOf = ({ diskMb, imageMb }: Need): number => diskMb + imageMb;
