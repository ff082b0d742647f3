import type { App } from '@edgeplane/proto/edgeproto/app.js';
import type { AppInst } from '@edgeplane/proto/edgeproto/app_inst.js';
import type { ClusterInst } from '@edgeplane/proto/edgeproto/clusterinst.js';
import type { Flavor } from '@edgeplane/proto/edgeproto/flavor.js';

/** Objects by key JSON, as work reads them. */
export interface ReadTable<T> {
  get(keyJson: string): T | undefined;
  keys(): Iterable<string>;
}

/** What the controller sent, as far as work depends on it. */
export interface DesiredTables {
  readonly flavors: ReadTable<Flavor>;
  readonly apps: ReadTable<App>;
  readonly appInsts: ReadTable<AppInst>;
  readonly clusterInsts: ReadTable<ClusterInst>;
}
