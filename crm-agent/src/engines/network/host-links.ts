/** What `ip -j` writes, as far as it is read here. */
export interface LinkJson {
  readonly ifname?: string;
  readonly ifalias?: string;
}

export interface AddressJson extends LinkJson {
  readonly addr_info?: readonly {
    readonly family?: string;
    readonly local?: string;
    readonly prefixlen?: number;
  }[];
}

export interface RouteJson {
  readonly dst?: string;
  readonly dev?: string;
}

/** A block of addresses that something on the host has or leads to. */
export interface UsedBlock {
  readonly block: string;
  readonly device: string;
}

/** Every IPv4 block of addresses and routes, without what concerns `except`. */
export function usedBlocks(
  addresses: readonly AddressJson[],
  routes: readonly RouteJson[],
  except = '',
): UsedBlock[] {
  const own = addresses.flatMap(({ ifname = '', addr_info: list = [] }) =>
    list
      .filter(({ family }) => family === 'inet')
      .map(({ local = '', prefixlen = 32 }) => ({ block: `${local}/${prefixlen}`, device: ifname })),
  );
  const led = routes.map(({ dst = '', dev = '' }) => ({ block: dst, device: dev }));
  return [...own, ...led].filter(({ device }) => device !== except);
}
