import type { RoomToRemove } from '../../reserve.js';
import type { OperationDisk } from '../work/index.js';

/**
 * A disk for records of operations: on a full one no new operation is noted, and how those end that were begun is, in the
 * room set aside; whoever waits for them would else hear of it only when there is room again.
 */
export function withRoomToEnd(disk: OperationDisk, room: RoomToRemove): OperationDisk {
  const begun = new Set<string>();
  return {
    list: (dir) => disk.list(dir),
    read: (path) => disk.read(path),
    write: async (path, text) => {
      if (begun.has(path)) return room.spend(() => disk.write(path, text));
      await disk.write(path, text);
      begun.add(path);
    },
    remove: async (path) => {
      await disk.remove(path);
      begun.delete(path);
    },
  };
}
