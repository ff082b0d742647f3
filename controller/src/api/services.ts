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
import type { RpcServer } from '@edgeplane/rpc';
import type { ControllerContext } from '../context.js';
import type { ControllerNotify } from '../notify/notify-server.js';
import { appApi } from './app.js';
import { appInstApi } from './app-inst.js';
import { appInstInfoApi } from './app-inst-info.js';
import { appInstMetricsApi } from './app-inst-metrics.js';
import { cloudletApi } from './cloudlet.js';
import { cloudletInfoApi } from './cloudlet-info.js';
import { cloudletMetricsApi } from './cloudlet-metrics.js';
import { cloudletRefsApi } from './cloudlet-refs.js';
import { clusterApi } from './cluster.js';
import { clusterInstApi } from './cluster-inst.js';
import { clusterInstInfoApi } from './cluster-inst-info.js';
import { clusterRefsApi } from './cluster-refs.js';
import { controllerApi } from './controller.js';
import { developerApi } from './developer.js';
import { eventApi } from './event.js';
import { execApi } from './exec.js';
import { flavorApi } from './flavor.js';
import { nodeApi } from './node.js';
import { operatorApi } from './operator.js';

/** Adds every service of the controller (controller spec section 2). */
export function addApis(
  server: RpcServer,
  context: ControllerContext,
  { live, exec, server: notify }: ControllerNotify,
): void {
  server.addService(DeveloperApiService, developerApi(context));
  server.addService(OperatorApiService, operatorApi(context));
  server.addService(FlavorApiService, flavorApi(context));
  server.addService(ClusterApiService, clusterApi(context));
  server.addService(AppApiService, appApi(context));
  server.addService(CloudletApiService, cloudletApi(context));
  server.addService(CloudletInfoApiService, cloudletInfoApi(context));
  server.addService(CloudletRefsApiService, cloudletRefsApi(context));
  server.addService(ClusterRefsApiService, clusterRefsApi(context));
  server.addService(ClusterInstApiService, clusterInstApi(context));
  server.addService(AppInstApiService, appInstApi(context));
  server.addService(ControllerApiService, controllerApi(context));
  server.addService(EventApiService, eventApi(context));
  server.addService(ExecApiService, execApi(context, exec));
  server.addService(NodeApiService, nodeApi(context, live, notify));
  server.addService(AppInstInfoApiService, appInstInfoApi(context, live));
  server.addService(ClusterInstInfoApiService, clusterInstInfoApi(context, live));
  server.addService(AppInstMetricsApiService, appInstMetricsApi(context, live));
  server.addService(CloudletMetricsApiService, cloudletMetricsApi(context, live));
}
