import type { Random } from '@edgeplane/base';
import type { Disk } from '@edgeplane/crm-agent';
import { between, happens } from './chance.js';
import type { SimNode } from './sim-node.js';

/**
 * The disk of one site, which outlives its agents. What is being written when an agent is killed is there or not; what was
 * answered is there.
 */
export class SimDisk {
  readonly #files = new Map<string, string>();
  #holder: SimNode | undefined;

  /** Parsed records of every folder whose path ends like this. */
  records(folder: string): readonly { readonly keyJson: string; readonly state: string }[] {
    return [...this.#files]
      .filter(([path]) => path.includes(`/${folder}/`))
      .map(([, text]) => JSON.parse(text) as { keyJson: string; state: string });
  }

  /** As one agent has it. */
  mount(node: SimNode, random: Random): Disk {
    const busy = (effect: () => void) =>
      new Promise<void>((resolve) => {
        let done = false;
        const once = () => {
          if (!done) effect();
          done = true;
        };
        const unhook = node.onKill(() => {
          if (happens(random, 0.5)) once();
        });
        node.after(between(random, 0.1, 4), 'disk', () => {
          unhook();
          once();
          resolve();
        });
      });
    return {
      lock: async (dir) => {
        if (this.#holder?.alive) throw new Error(`${dir} is held by ${this.#holder.name}`);
        this.#holder = node;
        return {
          release: async () => {
            this.#holder = undefined;
          },
        };
      },
      list: async (dir) => {
        await busy(() => undefined);
        return [...this.#files]
          .filter(([path]) => path.startsWith(`${dir}/`))
          .map(([, text]) => JSON.parse(text) as unknown);
      },
      read: async (path) => {
        await busy(() => undefined);
        return this.#files.get(path);
      },
      append: async (path, text) => {
        const before = this.#files.get(path) ?? '';
        let length = text.length;
        const unhook = node.onKill(() => {
          length = Math.floor(between(random, 0, text.length));
        });
        await busy(() => void this.#files.set(path, before + text.slice(0, length)));
        unhook();
      },
      rename: (from, to) =>
        busy(() => {
          this.#files.set(to, this.#files.get(from) ?? '');
          this.#files.delete(from);
        }),
      writeParts: (path, parts) => {
        const text = [...parts].join('');
        return busy(() => void this.#files.set(path, text));
      },
      write: (path, text) => busy(() => void this.#files.set(path, text)),
      remove: (path) => busy(() => void this.#files.delete(path)),
    };
  }
}
