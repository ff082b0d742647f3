import { readFile } from 'node:fs/promises';
import { tapName, type VmSpec, type VmStatus } from '../../engines/qemu/index.js';
import { guestVolumes, NO_ROOT } from './guest-volumes.js';
import type { MicrovmLink, MicrovmMount, MicrovmSpec, MicrovmStatus } from './model.js';

/** Machines, as microVMs use them: the engine's own, or a pretended one in tests. */
export interface Machines {
  recover(): Promise<readonly Pick<VmStatus, 'id'>[]>;
  list(): Promise<readonly VmStatus[]>;
  create(spec: VmSpec): Promise<unknown>;
  start(id: string): Promise<Pick<VmStatus, 'state' | 'reason'>>;
  stop(id: string, options: { readonly graceMs: number; readonly signal?: AbortSignal }): Promise<unknown>;
  destroy(id: string): Promise<void>;
  status(id: string): Promise<VmStatus>;
  waitForExit(id: string, signal: AbortSignal): Promise<unknown>;
  readonly revision: { revise(spec: VmSpec): Promise<void> };
  close(): Promise<void>;
}

/** Reads the number of an interface of the host; 0 when there is none. */
export type InterfaceIndex = (name: string) => Promise<number>;

export async function interfaceIndex(name: string): Promise<number> {
  const text = await readFile(`/sys/class/net/${name}/ifindex`, 'utf8').catch(() => '0');
  return Number.parseInt(text, 10) || 0;
}

/** What is told of a machine that runs. @param root folder of all machines, from which the names of their links follow */
export async function runningStatus(
  spec: MicrovmSpec,
  machine: VmSpec,
  root: string,
  indexOf: InterfaceIndex,
): Promise<Pick<MicrovmStatus, 'volumes' | 'kernelMount' | 'initrdMount' | 'links'>> {
  const paths = [machine.image, ...(machine.extraDisks ?? []).map(({ image = '' }) => image)];
  const mount = (source: string): MicrovmMount => ({ type: 'hostpath', source });
  const volumes = guestVolumes(spec).flatMap((volume, i) =>
    volume === NO_ROOT ? [] : [[volume.id, mount(paths[i] ?? '')] as const],
  );
  const links = await Promise.all(
    spec.interfaces.map(async ({ name }, i): Promise<readonly [string, MicrovmLink]> => {
      const nic = machine.nics[i];
      const isTap = nic?.type === 'bridge' || nic?.type === 'macvtap';
      const hostDevice = isTap ? tapName(root, machine.id, i) : (nic?.type ?? '');
      return [name, { hostDevice, index: isTap ? await indexOf(hostDevice) : 0, mac: nic?.mac ?? '' }];
    }),
  );
  const { path, initrd } = machine.kernel ?? { path: '' };
  return {
    volumes: Object.fromEntries(volumes),
    kernelMount: mount(path),
    ...(initrd !== undefined && { initrdMount: mount(initrd) }),
    links: Object.fromEntries(links),
  };
}
