/** The generated service definitions, by full name. A test checks that none of the registry's is missing. */
import { MatchEngineApiService } from '@edgeplane/proto/dme/app-client.js';
import { DynamicLocGroupApiService } from '@edgeplane/proto/dme/dynamic-loc-group.js';
import { EventApiService } from '@edgeplane/proto/edgeplane/bus.js';
import { AppApiService } from '@edgeplane/proto/edgeproto/app.js';
import {
  AppInstApiService,
  AppInstInfoApiService,
  AppInstMetricsApiService,
} from '@edgeplane/proto/edgeproto/app_inst.js';
import {
  CloudletApiService,
  CloudletInfoApiService,
  CloudletMetricsApiService,
} from '@edgeplane/proto/edgeproto/cloudlet.js';
import { ClusterApiService } from '@edgeplane/proto/edgeproto/cluster.js';
import { ClusterInstApiService, ClusterInstInfoApiService } from '@edgeplane/proto/edgeproto/clusterinst.js';
import { ControllerApiService } from '@edgeplane/proto/edgeproto/controller.js';
import { DeveloperApiService } from '@edgeplane/proto/edgeproto/developer.js';
import { ExecApiService } from '@edgeplane/proto/edgeproto/exec.js';
import { FlavorApiService } from '@edgeplane/proto/edgeproto/flavor.js';
import { NodeApiService } from '@edgeplane/proto/edgeproto/node.js';
import { OperatorApiService } from '@edgeplane/proto/edgeproto/operator.js';
import { CloudletRefsApiService, ClusterRefsApiService } from '@edgeplane/proto/edgeproto/refs.js';
import { DebugApiService } from '@edgeplane/proto/log/debug.js';
import type { ServiceDefinition } from '@grpc/grpc-js';

const DEFINITIONS: readonly ServiceDefinition[] = [
  AppApiService,
  AppInstApiService,
  AppInstInfoApiService,
  AppInstMetricsApiService,
  CloudletApiService,
  CloudletInfoApiService,
  CloudletMetricsApiService,
  CloudletRefsApiService,
  ClusterApiService,
  ClusterInstApiService,
  ClusterInstInfoApiService,
  ClusterRefsApiService,
  ControllerApiService,
  DebugApiService,
  DeveloperApiService,
  DynamicLocGroupApiService,
  EventApiService,
  ExecApiService,
  FlavorApiService,
  MatchEngineApiService,
  NodeApiService,
  OperatorApiService,
];

function nameOf(definition: ServiceDefinition): string {
  return Object.values(definition)[0]?.path.split('/')[1] ?? '';
}

export const SERVICE_DEFINITIONS: ReadonlyMap<string, ServiceDefinition> = new Map(
  DEFINITIONS.map((definition) => [nameOf(definition), definition]),
);
