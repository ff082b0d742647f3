/** What a Show call may ask for besides its filter; our own addition. */
export interface ShowOption {
  /** As a query parameter and as a flag. */
  readonly name: string;
  /** Metadata of the call that carries it. */
  readonly metadata: string;
  readonly type: 'string' | 'integer' | 'boolean';
  readonly about: string;
}

export const SHOW_OPTIONS = {
  limit: {
    name: 'limit',
    metadata: 'edgeplane-limit',
    type: 'integer',
    about: 'at most so many objects, in order of their keys',
  },
  after: {
    name: 'after',
    metadata: 'edgeplane-after',
    type: 'string',
    about:
      'only objects whose keys come after this one, which is the key JSON of the last object of the page before',
  },
  zero: {
    name: 'zero',
    metadata: 'edgeplane-zero',
    type: 'string',
    about:
      'fields that must be as in the filter also where that is 0, false or empty: names or ids, with commas',
  },
  wildcards: {
    name: 'wildcards',
    metadata: 'edgeplane-wildcards',
    type: 'boolean',
    about: '* in a text of the filter stands for any characters',
  },
} as const satisfies Record<string, ShowOption>;

/** Methods that take them. */
export function takesShowOptions(method: {
  readonly name: string;
  readonly responseStream: boolean;
  readonly request: string;
  readonly response: string;
}): boolean {
  return method.responseStream && method.name.startsWith('Show') && method.request === method.response;
}
