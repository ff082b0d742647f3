import {
  type MessageSchema,
  type MethodSchema,
  messageSchema,
  SERVICES,
  takesShowOptions,
} from '@edgeplane/objects';

export type Target = 'controller' | 'dme';

/** One call that edgectl can make. */
export interface Rpc {
  readonly name: string;
  /** Full name of its service. */
  readonly service: string;
  readonly request: MessageSchema;
  readonly response: MessageSchema;
  /** The server answers with a stream. */
  readonly stream: boolean;
  /** What is streamed is progress, to be shown as it comes. */
  readonly incremental: boolean;
  /** It takes the options of a Show. */
  readonly shows: boolean;
  /** Of `CreateFlavor`: `create` and `flavor`. */
  readonly verb: string | undefined;
  readonly object: string | undefined;
}

const VERBS = /^(Create|Delete|Update|Show|Inject|Evict)([A-Z]\w*)$/;
const MATCH_ENGINE = [
  'distributed_match_engine.MatchEngineApi',
  'distributed_match_engine.DynamicLocGroupApi',
];
/** Services of the controller outside of its main package. */
const OTHERS: readonly string[] = ['log.DebugApi', 'edgeplane.bus.EventApi'];

/** Calls of a target in the order of the registry: all of its services that do not stream from client to server. */
export function rpcsOf(target: Target): readonly Rpc[] {
  return Object.values(SERVICES)
    .filter(({ name }) =>
      target === 'dme' ? MATCH_ENGINE.includes(name) : name.startsWith('edgeproto.') || OTHERS.includes(name),
    )
    .flatMap((service) =>
      service.methods.filter((m) => !m.requestStream).map((method) => describe(service.name, method)),
    );
}

function describe(service: string, method: MethodSchema): Rpc {
  const [, verb, object] = VERBS.exec(method.name) ?? [];
  return {
    name: method.name,
    service,
    request: messageSchema(method.request),
    response: messageSchema(method.response),
    stream: method.responseStream,
    shows: takesShowOptions(method),
    incremental: method.incremental === true,
    verb: verb?.toLowerCase(),
    object: object?.toLowerCase(),
  };
}
