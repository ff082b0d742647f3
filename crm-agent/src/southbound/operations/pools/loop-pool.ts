import { mkdir, open, readdir, rename, rm, stat, statfs } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fail, type Logger, messageOf } from '@edgeplane/base';
import { operationsErrors } from '../errors.js';
import { FILESYSTEMS, type Filesystem, type LoopPoolSettings } from '../inventory.js';
import { headroomOf, larger, roundUp } from '../storage-size.js';
import { type FilesystemKind, KINDS, type Mounted, setImageSize } from './filesystems.js';
import { hasTool, ImageTools, runHostTool } from './host-tool.js';
import { allocatedBytes, mountedDevice, mountImage, unmount } from './loop-mount.js';
import { EXTENT, HOST_FLOOR, type Pool, type PoolStatus, type PoolView } from './pool.js';

export interface LoopPoolOptions {
  readonly id: string;
  readonly settings: LoopPoolSettings;
  readonly headroom: bigint | undefined;
  /** Folder for the image and the mount, where the settings name none. */
  readonly dir: string;
  readonly logger: Logger;
}

/** Folder of a pool in which its views are. */
const VIEWS = '.edgeplane';

/** A file system in a file. It stays mounted when we end, and later lives take it up. */
export class LoopPool implements Pool {
  readonly driver = 'loop';
  readonly id: string;
  readonly path: string;
  readonly #options: LoopPoolOptions;
  readonly #image: string;
  readonly #tools: ImageTools;
  #filesystem: Filesystem | undefined;

  constructor(options: LoopPoolOptions) {
    this.#options = options;
    this.id = options.id;
    this.path = options.settings.path || join(options.dir, 'mount');
    this.#image = options.settings.image || join(options.dir, 'pool.img');
    this.#tools = new ImageTools(`${this.#image}.lock`);
  }

  async start(signal: AbortSignal): Promise<void> {
    if (await mountedDevice(this.#image, this.path)) {
      this.#filesystem = await this.#filesystemOf(this.#image, signal);
      return;
    }
    if (await stat(this.#image).catch(() => undefined)) {
      this.#filesystem = await this.#filesystemOf(this.#image, signal);
      await this.#mount(signal);
    } else await this.#make(signal);
  }

  async status(signal: AbortSignal): Promise<PoolStatus> {
    try {
      const kind = this.#kind;
      await this.#mounted();
      // What is still in memory only takes its room all the same.
      await runHostTool('sync', ['-f', this.path], signal);
      const size = (await stat(this.#image, { bigint: true })).size;
      const { blocks, bfree, bavail, bsize } = await statfs(this.path, { bigint: true });
      // What the file system keeps for itself counts as used.
      const unused = bfree * bsize;
      const inside = blocks * bsize;
      const used = larger(inside, size) - unused;
      return {
        ...{ size, used, headroom: headroomOf(this.#options.headroom, size), extent: EXTENT },
        ...{ filesystem: this.#filesystem ?? '', free: bavail * bsize, cannotShrink: kind.cannotShrink },
      };
    } catch (error) {
      signal.throwIfAborted();
      throw this.#unavailable(messageOf(error), error);
    }
  }

  async hostRoom(): Promise<bigint> {
    const { bavail, bsize } = await statfs(dirname(this.#image), { bigint: true });
    const size = (await stat(this.#image, { bigint: true })).size;
    // The file has holes, which the pool's users may fill at any time.
    const promised = size - (await allocatedBytes(this.#image));
    const room = bavail * bsize - (promised > 0n ? promised : 0n) - HOST_FLOOR;
    return room > 0n ? room : 0n;
  }

  async resize(to: bigint, signal: AbortSignal): Promise<void> {
    const { size } = await stat(this.#image, { bigint: true });
    if (to >= size) await this.#grow(to, signal);
    else await this.#shrink(to, size, signal);
  }

  async view(name: string, signal: AbortSignal): Promise<PoolView> {
    await this.#mounted();
    if (this.#filesystem !== 'btrfs') return { path: this.path, frozen: false };
    const path = this.#viewPath(name);
    if (await stat(path).catch(() => undefined)) return { path, frozen: true };
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    await this.#tools.run('btrfs', ['subvolume', 'snapshot', '-r', this.path, path], signal);
    return { path, frozen: true };
  }

  async dropView(name: string, signal: AbortSignal): Promise<void> {
    const path = this.#viewPath(name);
    if (this.#filesystem === 'btrfs' && (await stat(path).catch(() => undefined)))
      await this.#tools.run('btrfs', ['subvolume', 'delete', '-c', path], signal);
  }

  async views(): Promise<readonly string[]> {
    if (this.#filesystem !== 'btrfs') return [];
    return readdir(join(this.path, VIEWS)).catch(() => []);
  }

  async stop(workloads: 'keep' | 'stop'): Promise<void> {
    if (workloads === 'keep' || !(await mountedDevice(this.#image, this.path))) return;
    const busy = await unmount(this.path, this.#tools, new AbortController().signal);
    if (busy !== undefined) this.#options.logger.warn({ pool: this.id, reason: busy }, 'Pool stays mounted');
  }

  get #kind(): FilesystemKind {
    if (!this.#filesystem) throw this.#unavailable('it has not been taken up');
    return KINDS[this.#filesystem];
  }

  async #mounted(): Promise<Mounted> {
    const device = await mountedDevice(this.#image, this.path);
    if (device === undefined) throw this.#unavailable(`${this.#image} is not mounted at ${this.path}`);
    return { pool: this.id, image: this.#image, path: this.path, device, tools: this.#tools };
  }

  async #mount(signal: AbortSignal): Promise<void> {
    await this.#kind.check?.(this.#image, this.#tools, signal);
    await mountImage(this.#image, this.path, this.#tools, signal);
  }

  /** Makes the first file system that the host has, in a file that gets its name when it is whole. */
  async #make(signal: AbortSignal): Promise<void> {
    const { settings, logger } = this.#options;
    const size = roundUp(settings.size, EXTENT);
    const reasons: string[] = [];
    await mkdir(dirname(this.#image), { recursive: true, mode: 0o700 });
    for (const filesystem of settings.filesystem === 'auto' ? FILESYSTEMS : [settings.filesystem]) {
      const reason = await this.#tryMake(filesystem, size, signal);
      if (reason === undefined) {
        logger.info({ pool: this.id, filesystem, size: String(size), path: this.path }, 'Pool made');
        return;
      }
      reasons.push(`${filesystem}: ${reason}`);
    }
    throw this.#unavailable(`no file system can be made here: ${reasons.join('; ')}`);
  }

  async #tryMake(filesystem: Filesystem, size: bigint, signal: AbortSignal): Promise<string | undefined> {
    const [command = '', ...args] = KINDS[filesystem].make;
    if (!(await hasTool(command, signal))) return `${command} is not installed`;
    const draft = `${this.#image}.new`;
    await rm(draft, { force: true });
    const file = await open(draft, 'wx', 0o600);
    await file.truncate(Number(size));
    await file.close();
    const made = await this.#tools.try(command, [...args, draft], signal);
    if (made.code !== 0) return made.complaint;
    try {
      await mountImage(draft, this.path, this.#tools, signal);
    } catch (error) {
      signal.throwIfAborted();
      await rm(draft, { force: true });
      return messageOf(error);
    }
    // Mounted only to see that it can be.
    const busy = await unmount(this.path, this.#tools, signal);
    if (busy !== undefined) return busy;
    await rename(draft, this.#image);
    this.#filesystem = filesystem;
    await mountImage(this.#image, this.path, this.#tools, signal);
    return undefined;
  }

  async #grow(to: bigint, signal: AbortSignal): Promise<void> {
    await setImageSize(this.#image, to);
    const mounted = await this.#mounted();
    await this.#tools.run('losetup', ['-c', mounted.device], signal);
    if (await this.#kind.grow(mounted, signal)) return;
    await this.#unmounted((image) => this.#kind.resizeUnmounted?.(image, to, this.#tools, signal), signal);
  }

  async #shrink(to: bigint, from: bigint, signal: AbortSignal): Promise<void> {
    const kind = this.#kind;
    if (kind.shrinkMounted) {
      const mounted = await this.#mounted();
      // First what is inside: a crash in between leaves a file that is larger than it need be.
      const end = await kind.shrinkMounted(mounted, to, from, signal);
      await setImageSize(this.#image, end);
      await this.#tools.run('losetup', ['-c', mounted.device], signal);
    } else if (kind.resizeUnmounted) {
      await this.#unmounted(async (image) => {
        const end = await kind.resizeUnmounted?.(image, to, this.#tools, signal);
        if (end !== undefined && end < from) await setImageSize(image, end);
      }, signal);
    } else throw fail(operationsErrors.POOL_CANNOT, { pool: this.id, reason: kind.cannotShrink ?? '' });
  }

  /** Works on the image while it is not mounted, and mounts it again however that goes. */
  async #unmounted(
    work: (image: string) => Promise<unknown> | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    if (await mountedDevice(this.#image, this.path)) {
      const busy = await unmount(this.path, this.#tools, signal);
      if (busy !== undefined) {
        const reason = `${this.#filesystem} changes its size here only while nothing uses it, and it is in use (${busy})`;
        throw fail(operationsErrors.POOL_CANNOT, { pool: this.id, reason });
      }
    }
    try {
      await work(this.#image);
    } finally {
      await this.#mount(new AbortController().signal);
    }
  }

  async #filesystemOf(image: string, signal: AbortSignal): Promise<Filesystem> {
    const { output } = await runHostTool('blkid', ['-p', '-o', 'value', '-s', 'TYPE', image], signal);
    const found = FILESYSTEMS.find((filesystem) => filesystem === output);
    if (!found)
      throw this.#unavailable(
        `${image} holds ${output || 'nothing known'}, and not ${FILESYSTEMS.join(', ')}`,
      );
    return found;
  }

  #viewPath(name: string): string {
    return join(this.path, VIEWS, name);
  }

  #unavailable(reason: string, cause?: unknown): Error {
    return fail(operationsErrors.POOL_UNAVAILABLE, { pool: this.id, reason }, { cause });
  }
}
