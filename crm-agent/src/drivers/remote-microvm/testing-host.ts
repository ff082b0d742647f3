import { defineErrors, fail, silentLogger } from '@edgeplane/base';
import {
  type CreateMicroVMRequest as Create2021,
  MicroVMService as Service2021,
} from '@edgeplane/proto/southbound/flintlock-2021/services/microvm/v1alpha1/microvms.js';
import type { MicroVMSpec as Spec2021 } from '@edgeplane/proto/southbound/flintlock-2021/types/microvm.js';
import {
  type CreateMicroVMRequest,
  MicroVMService,
} from '@edgeplane/proto/southbound/flintlock-current/services/microvm/v1alpha1/microvms.js';
import type { MicroVMSpec } from '@edgeplane/proto/southbound/flintlock-current/types/microvm.js';
import { type RpcContext, RpcServer, serverStream, type TlsMaterial, unary } from '@edgeplane/rpc';
import type { Dialect } from './hosts-file.js';

const errors = defineErrors({
  UNKNOWN: ['UNKNOWN', '{text}'],
  NOT_FOUND: ['NOT_FOUND', '{text}'],
  UNAVAILABLE: ['UNAVAILABLE', '{text}'],
  NO_IDENTITY: ['UNAUTHENTICATED', '{text}'],
});

/** What a host of this kind does that another does not. */
export interface HostQuirks {
  readonly dialect: Dialect;
  /** So many looks until a microVM is created, and until a deleted one is gone. */
  readonly looks: number;
  /** Every nth change is made, and its answer lost; 0: never. */
  readonly losesEvery: number;
  /** Every nth call fails with an unknown error before it does anything; 0: never. */
  readonly unknownEvery: number;
  /** How what is not there is told of. */
  readonly missing: 'code' | 'text';
  /** Whether it tells why a microVM failed. */
  readonly tells: boolean;
}

export const PLAIN_HOST: HostQuirks = {
  ...{ dialect: 'current', looks: 0, losesEvery: 0, unknownEvery: 0, missing: 'text', tells: true },
};

/** What is kept of a microVM, whatever the dialect. */
export interface Microvm {
  readonly uid: string;
  readonly name: string;
  readonly namespace: string;
  readonly image: string;
  readonly address: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly current?: MicroVMSpec;
  readonly old?: Spec2021;
  state: 0 | 1 | 2 | 3;
  looks: number;
}

export const NO_SUCH_IMAGE = 'registry.example/none:1';
const [PENDING, CREATED, FAILED, DELETING] = [0, 1, 2, 3] as const;

/** A flintlock host in memory, behind a real server. It keeps its microVMs when it is away. */
export class TestingHost {
  readonly microvms = new Map<string, Microvm>();
  readonly #tls: TlsMaterial | undefined;
  readonly #token: string;
  readonly quirks: HostQuirks;
  onCall: (method: string) => void = () => undefined;
  #server: RpcServer | undefined;
  #address = '127.0.0.1:0';
  #calls = 0;
  #changes = 0;
  #next = 100;

  constructor(
    quirks: Partial<HostQuirks>,
    access: { readonly tls?: TlsMaterial; readonly token?: string } = {},
  ) {
    this.quirks = { ...PLAIN_HOST, ...quirks };
    this.#tls = access.tls;
    this.#token = access.token ?? '';
  }

  get address(): string {
    return this.#address;
  }

  async start(): Promise<void> {
    const server = new RpcServer({ logger: silentLogger, name: 'host', tls: this.#tls });
    if (this.quirks.dialect === '2021') server.addService(Service2021, this.#handlers2021());
    else server.addService(MicroVMService, this.#handlers());
    this.#address = await server.listen(this.#address);
    this.#server = server;
  }

  async stop(): Promise<void> {
    await this.#server?.stop(0);
    this.#server = undefined;
  }

  #handlers() {
    const shown = (m: Microvm) => ({
      version: 1,
      spec: { ...(m.current as MicroVMSpec), uid: m.uid, labels: {} },
      status: { ...this.#status(m), vsockPath: '' },
    });
    return {
      createMicroVm: this.#call('create', true, ({ microvm: spec }: CreateMicroVMRequest) => {
        if (!spec?.rootVolume || !spec.kernel) throw this.#invalid('MicroVM.Spec.root_volume');
        const [nic] = spec.interfaces;
        const made = this.#make(spec.id, spec.namespace, {
          ...{ image: spec.rootVolume.source?.containerSource ?? '', address: nic?.address?.address ?? '' },
          ...{ metadata: spec.metadata, current: spec },
        });
        return { microvm: shown(made) };
      }),
      getMicroVm: this.#call('get', false, ({ uid }: { uid: string }) => ({
        microvm: shown(this.#look(uid, `//${uid}`)),
      })),
      deleteMicroVm: this.#call('delete', true, ({ uid }: { uid: string }) => this.#delete(uid, `//${uid}`)),
      listMicroVMs: this.#call('list', false, ({ namespace }: { namespace: string }) => ({
        microvm: this.#all()
          .filter((m) => namespace === '' || m.namespace === namespace)
          .map(shown),
      })),
      listMicroVMsStream: serverStream(async () => undefined),
    };
  }

  #handlers2021() {
    const shown = (m: Microvm) => ({
      version: 1,
      spec: { ...(m.old as Spec2021), labels: {} },
      status: { ...this.#status(m), state: m.state === DELETING ? CREATED : m.state } as const,
    });
    const key = (id: string, namespace: string) => `${namespace}/${id}`;
    return {
      createMicroVm: this.#call('create', true, ({ microvm: spec }: Create2021) => {
        const root = spec?.volumes.find(({ isRoot }) => isRoot);
        if (!spec || !root?.mountPoint.startsWith('/')) throw this.#invalid('MicroVM.Spec.volumes');
        const text = `creating microvm: microvm spec ${key(spec.id, spec.namespace)} already exists`;
        if (this.microvms.has(key(spec.id, spec.namespace))) throw fail(errors.UNKNOWN, { text });
        this.#make(spec.id, spec.namespace, {
          ...{ image: root.source?.containerSource ?? '', address: spec.interfaces[1]?.address ?? '' },
          ...{ metadata: spec.metadata, old: spec },
        });
        return { microvm: spec };
      }),
      updateMicroVm: this.#call('update', true, () => ({ microvm: undefined })),
      getMicroVm: this.#call('get', false, ({ id, namespace }: { id: string; namespace: string }) => ({
        microvm: shown(this.#look(key(id, namespace), key(id, namespace))),
      })),
      deleteMicroVm: this.#call('delete', true, ({ id, namespace }: { id: string; namespace: string }) =>
        this.#delete(key(id, namespace), key(id, namespace)),
      ),
      // Whatever the namespace, as hosts of that time do.
      listMicroVMs: this.#call('list', false, () => ({ microvm: this.#all().map(shown) })),
      listMicroVMsStream: serverStream(async () => undefined),
    };
  }

  #call<Req, Res>(method: string, change: boolean, work: (request: Req) => Res) {
    return unary(async (request: Req, { metadata }: RpcContext): Promise<Res> => {
      const sent = metadata.get('authorization')[0];
      if (this.#token !== '' && sent !== `Basic ${Buffer.from(this.#token).toString('base64')}`)
        throw fail(errors.NO_IDENTITY, { text: 'invalid auth token: failed basic authentication' });
      this.onCall(method);
      const { losesEvery, unknownEvery } = this.quirks;
      if (unknownEvery > 0 && ++this.#calls % unknownEvery === 0)
        throw fail(errors.UNKNOWN, { text: 'containerd: context canceled' });
      const answer = work(request);
      if (change && losesEvery > 0 && ++this.#changes % losesEvery === 0)
        throw fail(errors.UNAVAILABLE, { text: 'connection reset' });
      return answer;
    });
  }

  #invalid(key: string): Error {
    const failure = `Key: '${key}' Error:Field validation for 'Volume' failed on the 'required' tag`;
    return fail(errors.UNKNOWN, { text: `creating microvm: validation failures found: ${failure}` });
  }

  #make(
    name: string,
    namespace: string,
    rest: Omit<Microvm, 'uid' | 'name' | 'namespace' | 'state' | 'looks'>,
  ): Microvm {
    const uid = this.quirks.dialect === '2021' ? `${namespace}/${name}` : `01H${this.#next++}`;
    const microvm: Microvm = { ...rest, uid, name, namespace, state: PENDING, looks: this.quirks.looks };
    this.microvms.set(uid, microvm);
    return microvm;
  }

  #look(uid: string, shown: string): Microvm {
    const microvm = this.microvms.get(uid);
    const text = `getting microvm: microvm spec ${shown} not found`;
    if (!microvm) throw fail(this.quirks.missing === 'code' ? errors.NOT_FOUND : errors.UNKNOWN, { text });
    this.#pass(microvm);
    return microvm;
  }

  /** Time passes by being looked at. */
  #pass(microvm: Microvm): void {
    if (microvm.state === CREATED || microvm.state === FAILED) return;
    microvm.looks -= 1;
    if (microvm.looks >= 0) return;
    if (microvm.state === DELETING) this.microvms.delete(microvm.uid);
    else microvm.state = microvm.image === NO_SUCH_IMAGE ? FAILED : CREATED;
  }

  #delete(uid: string, shown: string): Record<string, never> {
    const microvm = this.microvms.get(uid);
    const text = `deleting microvm: checking to see if spec exists: microvm spec ${shown} not found`;
    if (!microvm) throw fail(this.quirks.missing === 'code' ? errors.NOT_FOUND : errors.UNKNOWN, { text });
    if (microvm.state !== DELETING) microvm.looks = this.quirks.looks;
    microvm.state = DELETING;
    if (microvm.looks === 0) this.microvms.delete(uid);
    return {};
  }

  #all(): readonly Microvm[] {
    const all = [...this.microvms.values()];
    for (const microvm of all) if (microvm.state === DELETING) this.#pass(microvm);
    return all;
  }

  #status({ state, image }: Microvm) {
    const failureReason =
      state === FAILED && this.quirks.tells ? `pulling image ${image}: manifest unknown` : '';
    return {
      ...{ state, volumes: {}, kernelMount: undefined, initrdMount: undefined, networkInterfaces: {} },
      ...{ retry: state === FAILED ? 11 : 0, failureReason, nextAttemptAt: undefined },
    };
  }
}
