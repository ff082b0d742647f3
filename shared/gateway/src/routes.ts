import { type MessageSchema, type MethodSchema, messageSchema, SERVICES } from '@edgeplane/objects';
import type { MethodDefinition, ServiceDefinition } from '@grpc/grpc-js';

/** One method under one path. */
export interface Route {
  readonly path: string;
  /** Short name of the service. */
  readonly service: string;
  readonly method: MethodSchema;
  readonly request: MessageSchema;
  readonly response: MessageSchema;
  readonly call: MethodDefinition<unknown, unknown>;
}

/** The routes of services, by their `google.api.http` options; all of them POST with a JSON body (controller spec section 3.1). */
export function routesOf(services: readonly ServiceDefinition[]): Route[] {
  const calls = new Map(services.flatMap((s) => Object.values(s)).map((call) => [call.path, call] as const));
  return Object.values(SERVICES).flatMap((service) =>
    service.methods.flatMap((method) => {
      const call = calls.get(`/${service.name}/${method.name}`);
      if (!call) return [];
      return (method.http ?? []).map(({ path }) => ({
        path,
        service: service.name.slice(service.name.lastIndexOf('.') + 1),
        method,
        request: messageSchema(method.request),
        response: messageSchema(method.response),
        call: call as MethodDefinition<unknown, unknown>,
      }));
    }),
  );
}
