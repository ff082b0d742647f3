/** Scalar types of proto3, lower case. */
export type ScalarName =
  | 'double'
  | 'float'
  | 'int64'
  | 'uint64'
  | 'int32'
  | 'uint32'
  | 'bool'
  | 'string'
  | 'bytes'
  | 'fixed32'
  | 'fixed64'
  | 'sfixed32'
  | 'sfixed64'
  | 'sint32'
  | 'sint64';

/** One field. `type` is a scalar name, or the full name of an enum or message; of a map, its value's scalar name. */
export interface FieldSchema {
  readonly no: number;
  /** Proto name, snake_case: the name in stored JSON. */
  readonly name: string;
  /** Property name in TypeScript. */
  readonly prop: string;
  readonly kind: 'scalar' | 'enum' | 'message' | 'map';
  readonly type: string;
  /** Scalar name of a map's key. */
  readonly key?: string;
  readonly repeated?: boolean;
  /** Property name of the oneof the field belongs to. */
  readonly oneof?: string;
  /** Embedded message or list that is always present. */
  readonly nonnull?: boolean;
  /** Set by the system, not by users. */
  readonly backend?: boolean;
  readonly hidetag?: string;
  /** Never shown in logs, errors or events. */
  readonly secret?: boolean;
  /** Short name of the object type that this key names. */
  readonly refs?: string;
}

export interface ObjectSchema {
  readonly stored: boolean;
  readonly leased: boolean;
  readonly cached: boolean;
  readonly show: boolean;
  readonly message: boolean;
  readonly waits: boolean;
  readonly notify: 'none' | 'down' | 'up' | 'both';
  /** Dotted path (proto names) of the CloudletKey; empty when the object belongs to no cloudlet. */
  readonly cloudlet: string;
  readonly flush: 'none' | 'offline' | 'remove';
}

export interface MessageSchema {
  /** Full name, such as `edgeproto.App`. */
  readonly name: string;
  readonly objKey?: boolean;
  readonly object?: ObjectSchema;
  /** In declaration order. */
  readonly fields: readonly FieldSchema[];
}

export interface EnumSchema {
  readonly name: string;
  /** Proto name to number. */
  readonly values: Readonly<Record<string, number>>;
  /** Salt of the data-model hash; on VersionHash only. */
  readonly salt?: string;
  /** Value name to upgrade function; on VersionHash only. */
  readonly upgrades?: Readonly<Record<string, string>>;
}

export interface MethodSchema {
  readonly name: string;
  readonly request: string;
  readonly response: string;
  readonly requestStream: boolean;
  readonly responseStream: boolean;
  readonly http?: readonly { readonly verb: string; readonly path: string }[];
  readonly access?: {
    readonly resource: string;
    readonly action: string;
    readonly org: string;
    readonly open: boolean;
  };
  readonly incremental?: boolean;
}

export interface ServiceSchema {
  readonly name: string;
  readonly methods: readonly MethodSchema[];
}
