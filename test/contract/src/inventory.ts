// What a set of .proto files says on the wire, as plain data. The facts files have the same shape, so checking one
// against the other needs no knowledge of protobuf.

export type Label = '' | 'optional' | 'repeated';

export interface FieldFact {
  readonly number: number;
  readonly name: string;
  /** Scalar name, full name of a message or enum, or `map<key, value>`. */
  readonly type: string;
  /** `optional` only where presence is tracked explicitly (proto3 `optional`). */
  readonly label?: Label;
}

export interface RouteFact {
  readonly method: string;
  readonly path: string;
}

export interface RpcFact {
  readonly name: string;
  readonly request: string;
  readonly requestStream: boolean;
  readonly response: string;
  readonly responseStream: boolean;
  readonly http?: readonly RouteFact[];
}

/** All keys are full names without a leading dot. */
export interface Inventory {
  readonly messages: Readonly<Record<string, readonly FieldFact[]>>;
  readonly enums: Readonly<Record<string, Readonly<Record<string, number>>>>;
  readonly services: Readonly<Record<string, readonly RpcFact[]>>;
}
