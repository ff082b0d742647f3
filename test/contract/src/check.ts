import type { FieldFact, Inventory, RouteFact, RpcFact } from './inventory.js';

/**
 * Lists every way in which `have` breaks `want`; empty when each wanted fact holds. Additions (more messages, fields,
 * enum values, rpcs or routes) are compatible and pass.
 */
export function differences(want: Inventory, have: Inventory): string[] {
  return [
    ...each(want.messages, have.messages, 'message', fieldDifferences),
    ...each(want.enums, have.enums, 'enum', enumDifferences),
    ...each(want.services, have.services, 'service', serviceDifferences),
  ];
}

type Compare<T> = (name: string, want: T, have: T) => string[];

function each<T>(
  want: Readonly<Record<string, T>>,
  have: Readonly<Record<string, T>>,
  kind: string,
  compare: Compare<T>,
): string[] {
  return Object.entries(want).flatMap(([name, facts]) => {
    const found = have[name];
    return found === undefined ? [`${kind} ${name} is missing`] : compare(name, facts, found);
  });
}

function fieldDifferences(message: string, want: readonly FieldFact[], have: readonly FieldFact[]): string[] {
  return want.flatMap((field) => {
    const found = have.find((candidate) => candidate.number === field.number);
    if (found !== undefined) {
      const asked = describeField(field);
      const got = describeField(found);
      return asked === got ? [] : [`field ${message} ${field.number}: want "${asked}", have "${got}"`];
    }
    // The same name elsewhere is the likelier mistake; naming the number saves a search.
    const moved = have.find((candidate) => candidate.name === field.name);
    return [
      moved === undefined
        ? `field ${message}.${field.name} = ${field.number} is missing`
        : `field ${message}.${field.name}: want number ${field.number}, have ${moved.number}`,
    ];
  });
}

function describeField(field: FieldFact): string {
  return [field.label ?? '', field.type, field.name].filter((part) => part !== '').join(' ');
}

function enumDifferences(
  name: string,
  want: Readonly<Record<string, number>>,
  have: Readonly<Record<string, number>>,
): string[] {
  return Object.entries(want).flatMap(([value, number]) => {
    const found = have[value];
    if (found === number) return [];
    return [
      found === undefined
        ? `enum value ${name}.${value} = ${number} is missing`
        : `enum value ${name}.${value}: want ${number}, have ${found}`,
    ];
  });
}

function serviceDifferences(service: string, want: readonly RpcFact[], have: readonly RpcFact[]): string[] {
  return want.flatMap((rpc) => {
    const found = have.find((candidate) => candidate.name === rpc.name);
    if (found === undefined) return [`rpc ${service}/${rpc.name} is missing`];
    const asked = describeRpc(rpc);
    const got = describeRpc(found);
    const shape = asked === got ? [] : [`rpc ${service}/${rpc.name}: want ${asked}, have ${got}`];
    return [...shape, ...routeDifferences(`${service}/${rpc.name}`, rpc.http ?? [], found.http ?? [])];
  });
}

function describeRpc(rpc: RpcFact): string {
  const side = (stream: boolean, type: string) => `(${stream ? 'stream ' : ''}${type})`;
  return `${side(rpc.requestStream, rpc.request)} -> ${side(rpc.responseStream, rpc.response)}`;
}

function routeDifferences(rpc: string, want: readonly RouteFact[], have: readonly RouteFact[]): string[] {
  const described = have.map(describeRoute);
  return want
    .map(describeRoute)
    .filter((route) => !described.includes(route))
    .map((route) => `route ${route} of ${rpc} is missing; have ${described.join(', ') || 'none'}`);
}

function describeRoute(route: RouteFact): string {
  return `${route.method} ${route.path}`;
}
