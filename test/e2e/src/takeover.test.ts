// test: timeout=120s
/** A store that another controller of this family has filled, with an older data model, is taken over and worked with. */
import { join } from 'node:path';
import { EtcdStore, type Op } from '@edgeplane/store';
import {
  eventually,
  ROOT,
  runCommand,
  startAgent,
  startController,
  startDme,
  startEtcd,
  tempDir,
} from '@edgeplane/test-harness';
import { test } from 'uvu';
import * as assert from 'uvu/assert';

const SITE = '{"operator_key":{"name":"AT\\u0026T, Inc."},"name":"site 1"}';
const CLUSTER = `{"cluster_key":{"name":"c1"},"cloudlet_key":${SITE},"developer":"AcmeAppCo"}`;
const APP = '{"developer_key":{"name":"AcmeAppCo"},"name":"some application","version":"1.0"}';
const INST = `{"app_key":${APP},"cluster_inst_key":{"cluster_key":{"name":"c1"},"cloudlet_key":${SITE},"developer":"AcmeAppCo"}}`;
/** Data model 3: ports with `FQDN_prefix`, ClusterInsts without a deployment. */
const VERSION_3 = '00bdcfa956ca4ee42be87abcd8fcaf1c';
const VERSION_5 = '2b79f0b6e402045ee5f68d697b9386ae';

const DATA: readonly (readonly [key: string, value: string])[] = [
  ['1/Version', VERSION_3],
  ['1/Operator/{"name":"AT\\u0026T, Inc."}', '{"key":{"name":"AT\\u0026T, Inc."}}'],
  ['1/Developer/{"name":"AcmeAppCo"}', '{"key":{"name":"AcmeAppCo"},"username":"acme"}'],
  [
    '1/Flavor/{"name":"x1.small"}',
    '{"key":{"name":"x1.small"},"ram":2048,"vcpus":2,"disk":18446744073709551615}',
  ],
  [
    `1/Cloudlet/${SITE}`,
    `{"key":${SITE},"location":{"latitude":31,"longitude":-91.5},"ip_support":"IpSupportDynamic","num_dynamic_ips":3}`,
  ],
  [
    `1/CloudletRefs/${SITE}`,
    `{"key":${SITE},"clusters":[{"name":"c1"}],"used_ram":4096,"used_vcores":4,"used_disk":20,"root_lb_ports":{"10000":1,"80":1}}`,
  ],
  [
    `1/ClusterInst/${CLUSTER}`,
    `{"key":${CLUSTER},"flavor":{"name":"x1.small"},"liveness":"LivenessStatic","state":"Ready","ip_access":"IpAccessShared","node_flavor":"flavor1","num_masters":1,"num_nodes":1}`,
  ],
  [
    `1/App/${APP}`,
    `{"key":${APP},"image_path":"registry.example/acme/some:1.0","image_type":"ImageTypeDocker","access_ports":"tcp:80,tcp:22","default_flavor":{"name":"x1.small"},"cluster":{},"deployment":"kubernetes","deployment_manifest":"apiVersion: v1\\nkind: Service\\nmetadata:\\n  name: some-tcp\\n","configs":null}`,
  ],
  [
    `1/AppInst/${INST}`,
    `{"key":${INST},"cloudlet_loc":{"latitude":31,"longitude":-91.5},"uri":"site1.attinc.example","liveness":"LivenessStatic","mapped_ports":[{"proto":"LProtoTCP","internal_port":80,"public_port":80,"FQDN_prefix":"some-tcp."},{"proto":"LProtoTCP","internal_port":22,"public_port":10000}],"flavor":{"name":"x1.small"},"state":"Ready","runtime_info":{},"created_at":{"seconds":1558685000}}`,
  ],
];

const SITE_FLAGS = [
  ...['--key-clusterinstkey-cloudletkey-operatorkey-name', 'AT&T, Inc.'],
  ...['--key-clusterinstkey-cloudletkey-name', 'site 1', '--key-clusterinstkey-developer', 'AcmeAppCo'],
  ...['--key-appkey-developerkey-name', 'AcmeAppCo', '--key-appkey-version', '1.0'],
  ...['--key-clusterinstkey-clusterkey-name', 'c1', '--key-appkey-name', 'some application'],
];

test('a deployment of an older data model is taken over: shown, found, deleted and made again', async () => {
  const dir = tempDir('takeover');
  const etcd = await startEtcd({ dir: dir.path });
  const spec = `etcd:${etcd.url}`;
  const store = new EtcdStore([etcd.url]);
  await store.txn({ ops: DATA.map(([key, value]): Op => ({ type: 'put', key, value })) });

  const ports = ['--apiAddr', '127.0.0.1:0', '--notifyAddr', '127.0.0.1:0'];
  const refused = await runCommand(join(ROOT, 'bin/controller'), ['--store', spec, ...ports], {
    cwd: dir.path,
  });
  assert.is(refused.code, 1);
  assert.match(
    refused.stderr,
    /Running version doesn't match the version of etcd, data mode upgrade required.*--auto-?[uU]pgrade/,
  );
  assert.is((await store.get('1/Version')).entry?.value, VERSION_3, 'nothing is changed unasked');

  const controller = await startController(dir.path, spec, ['--autoUpgrade']);
  const notify = controller.addresses['notify'] ?? '';
  const [agent, dme] = await Promise.all([
    startAgent(dir.path, notify, { operator: 'AT&T, Inc.', name: 'site 1' }, ['--platform', 'fakecloudlet']),
    startDme(dir.path, notify),
  ]);
  const edgectl = async (side: 'controller' | 'dme', ...args: string[]) => {
    const address = (side === 'dme' ? dme : controller).addresses['api'] ?? '';
    const run = ['--addr', address, '--output-format', 'json', side, ...args];
    return runCommand(join(ROOT, 'bin/edgectl'), run, { cwd: dir.path });
  };
  try {
    assert.is((await store.get('1/Version')).entry?.value, VERSION_5);
    for (const [show, text] of [
      ['ShowOperator', 'AT&T, Inc.'],
      ['ShowDeveloper', 'acme'],
      ['ShowFlavor', '18446744073709551615'],
      ['ShowCloudlet', '-91.5'],
      ['ShowCloudletRefs', '"used_ram"'],
      ['ShowClusterInst', '"deployment": "kubernetes"'],
      ['ShowApp', 'registry.example/acme/some:1.0'],
      ['ShowAppInst', '"fqdn_prefix": "some-tcp."'],
    ] as const) {
      assert.match((await edgectl('controller', show)).stdout, text, show);
    }
    await eventually('the agent is known', async () =>
      (await edgectl('controller', 'ShowCloudletInfo')).stdout.includes('CloudletStateReady'),
    );
    const register = ['--devname', 'AcmeAppCo', '--appname', 'some application', '--appvers', '1.0'];
    const found = await eventually('a client finds the old instance', async () => {
      const session = await edgectl('dme', 'registerclient', ...register);
      const { session_cookie } = JSON.parse(session.stdout) as { session_cookie: string };
      const where = ['--gpslocation-latitude', '31', '--gpslocation-longitude', '-91'];
      const carrier = ['--sessioncookie', session_cookie, '--carriername', 'AT&T, Inc.'];
      const reply = await edgectl('dme', 'findcloudlet', ...carrier, ...where);
      return reply.stdout.includes('FindFound') ? reply.stdout : '';
    });
    assert.match(found, 'site1.attinc.example');

    const gone = await edgectl('controller', 'DeleteAppInst', ...SITE_FLAGS);
    assert.is(gone.code, 0, gone.stderr);
    assert.not.match((await edgectl('controller', 'ShowCloudletRefs')).stdout, '"80"');
    const made = await edgectl('controller', 'CreateAppInst', ...SITE_FLAGS);
    assert.is(made.code, 0, made.stderr);
    const keys = (await store.list('1/AppInst/')).entries.map((e) => e.key);
    assert.equal(keys, [`1/AppInst/${INST}`], 'the key has the same bytes');
  } finally {
    for (const process of [agent, dme, controller]) await process.stop();
    await store.close();
    await etcd.stop();
    dir.remove();
  }
});

test.run();
