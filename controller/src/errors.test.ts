/** The texts and codes of controller spec section 20.1, over gRPC. */
import { CRMOverride } from '@edgeplane/proto/edgeproto/common.js';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { TestController } from './testing.js';
import {
  app,
  appInst,
  appKey,
  cloudlet,
  clusterInst,
  clusterKey,
  flavor,
  prepare,
  SITE,
  SMALL,
} from './testing-data.js';

const errors = suite<{ controller: TestController }>('errors');

errors.before(async (context) => {
  context.controller = await TestController.start();
  await context.controller.agent();
  await prepare(context.controller);
  const made = [
    ['Developer', { key: { name: 'dev' } }],
    ['Operator', { key: { name: 'op' } }],
    ['Cluster', { key: { name: 'named' }, defaultFlavor: { name: 'small' } }],
    ['Cloudlet', cloudlet('dark')],
    ['App', app('vm', { imageType: 2, imagePath: 'x.qcow2' })],
    ['App', app('pkg', { androidPackageName: 'com.x' })],
    ['App', app('dock', { deployment: 'docker' })],
    ['ClusterInst', clusterInst('c1')],
    ['AppInst', appInst('web', 'c1')],
  ] as const;
  for (const [type, object] of made) {
    assert.is((await context.controller.run('create', type, object)).at(-1), 'OK', type);
  }
});

errors.after((context) => context.controller.stop());

const at = (site: object) => ({ key: { ...clusterKey('c9', site) }, flavor: { name: 'small' }, numNodes: 1 });
const noAgent = { crmOverride: CRMOverride.IGNORE_CRM };
const PEM = (type: string, body: string) => `-----BEGIN ${type}-----\n${body}\n-----END ${type}-----\n`;

type Case = readonly [
  'create' | 'update' | 'delete' | 'evict',
  Parameters<TestController['run']>[1],
  object,
  string,
  string,
];

const CASES: readonly Case[] = [
  ['create', 'Developer', { key: { name: '$x' } }, 'INVALID_ARGUMENT', 'Invalid developer name'],
  ['create', 'Developer', { key: { name: 'dev' } }, 'ALREADY_EXISTS', 'Key already exists'],
  ['update', 'Developer', { key: { name: 'nobody' } }, 'NOT_FOUND', 'Key not found'],
  ['delete', 'Developer', { key: { name: 'dev' } }, 'FAILED_PRECONDITION', 'Developer in use by Application'],
  ['create', 'Operator', { key: { name: '' } }, 'INVALID_ARGUMENT', 'Invalid operator name'],
  [
    'create',
    'Operator',
    { key: { name: 'developer' } },
    'INVALID_ARGUMENT',
    'Cannot create operator with name = developer',
  ],
  ['delete', 'Operator', { key: { name: 'op' } }, 'FAILED_PRECONDITION', 'Operator in use by Cloudlet'],
  ['delete', 'Operator', { key: { name: 'none' } }, 'NOT_FOUND', 'Key not found'],
  ['create', 'Flavor', { ...SMALL, key: { name: '' } }, 'INVALID_ARGUMENT', 'Invalid flavor name'],
  ['create', 'Flavor', flavor('f', 0n, 0n, 0n), 'INVALID_ARGUMENT', 'Ram cannot be 0'],
  ['create', 'Flavor', flavor('f', 1n, 0n, 0n), 'INVALID_ARGUMENT', 'Vcpus cannot be 0'],
  ['create', 'Flavor', flavor('f', 1n, 1n, 0n), 'INVALID_ARGUMENT', 'Disk cannot be 0'],
  ['create', 'Flavor', SMALL, 'ALREADY_EXISTS', 'Key already exists'],
  ['update', 'Flavor', { key: { name: 'none' } }, 'NOT_FOUND', 'Key not found'],
  ['delete', 'Flavor', SMALL, 'FAILED_PRECONDITION', 'Flavor in use by Cluster'],
  [
    'create',
    'Cloudlet',
    cloudlet('n', 'op', { ipSupport: 1 }),
    'INVALID_ARGUMENT',
    'static_ips: Ip Support Static needs at least one address, but got ""',
  ],
  [
    'create',
    'Cloudlet',
    cloudlet('n', 'op', { ipSupport: 1, staticIps: '10.0.0.1,10.0.0.300' }),
    'INVALID_ARGUMENT',
    'static_ips: element "10.0.0.300" must be an address, a network (address/bits) or a range (address-address)',
  ],
  [
    'create',
    'Cloudlet',
    cloudlet('n', 'op', { numDynamicIps: 0 }),
    'INVALID_ARGUMENT',
    'Must specify at least one dynamic public IP available',
  ],
  [
    'create',
    'Cloudlet',
    cloudlet('n', 'op', { location: {} }),
    'INVALID_ARGUMENT',
    'location is missing; 0,0 is not a valid location',
  ],
  [
    'create',
    'Cloudlet',
    cloudlet('n', 'op', { location: { latitude: 91 } }),
    'INVALID_ARGUMENT',
    'Invalid latitude value',
  ],
  [
    'create',
    'Cloudlet',
    cloudlet('n', 'op', { location: { longitude: 181 } }),
    'INVALID_ARGUMENT',
    'Invalid longitude value',
  ],
  ['create', 'Cloudlet', cloudlet(''), 'INVALID_ARGUMENT', 'Invalid cloudlet name'],
  ['create', 'Cloudlet', cloudlet('n', 'op', { ipSupport: 9 }), 'INVALID_ARGUMENT', 'invalid IpSupport'],
  [
    'update',
    'Cloudlet',
    cloudlet('site', 'op', { fields: ['8'], numDynamicIps: 0 }),
    'INVALID_ARGUMENT',
    'Cannot specify less than one dynamic IP unless Ip Support Static is specified',
  ],
  [
    'update',
    'Cloudlet',
    cloudlet('site', 'op', { fields: ['5.1'], location: {} }),
    'INVALID_ARGUMENT',
    'Invalid latitude value of 0',
  ],
  [
    'update',
    'Cloudlet',
    cloudlet('site', 'op', { fields: ['5.2'], location: {} }),
    'INVALID_ARGUMENT',
    'Invalid longitude value of 0',
  ],
  [
    'update',
    'Cloudlet',
    cloudlet('site', 'op', { fields: ['6'], ipSupport: 9 }),
    'INVALID_ARGUMENT',
    'invalid IpSupport',
  ],
  ['update', 'Cloudlet', cloudlet('nowhere', 'op', { fields: ['8'] }), 'NOT_FOUND', 'Key not found'],
  ['delete', 'Cloudlet', cloudlet(), 'FAILED_PRECONDITION', 'Cloudlet in use by static Application Instance'],
  [
    'create',
    'Cluster',
    { key: { name: 'autoclusterx' } },
    'INVALID_ARGUMENT',
    'Cluster name prefix "autocluster" is reserved',
  ],
  [
    'create',
    'Cluster',
    { key: { name: 'x' }, defaultFlavor: { name: 'no' } },
    'NOT_FOUND',
    'default flavor no not found',
  ],
  ['create', 'Cluster', { key: { name: 'a_b' } }, 'INVALID_ARGUMENT', 'Invalid cluster name'],
  ['update', 'Cluster', { key: { name: 'none' } }, 'NOT_FOUND', 'Key not found'],
  ['create', 'App', app('a', { key: { ...appKey(''), name: '' } }), 'INVALID_ARGUMENT', 'Invalid app name'],
  [
    'create',
    'App',
    app('a', { key: { ...appKey('a'), version: '' } }),
    'INVALID_ARGUMENT',
    'Invalid app version string',
  ],
  ['create', 'App', app('a', { imageType: 44 }), 'INVALID_ARGUMENT', 'invalid ImageType'],
  ['create', 'App', app('a', { delOpt: 7 }), 'INVALID_ARGUMENT', 'invalid DelOpt'],
  [
    'create',
    'App',
    app('a', { accessPorts: 'tcp' }),
    'INVALID_ARGUMENT',
    'Invalid Access Ports format, expected proto:port but was tcp',
  ],
  [
    'create',
    'App',
    app('a', { accessPorts: 'icmp:5' }),
    'INVALID_ARGUMENT',
    'icmp is not a supported Protocol',
  ],
  [
    'create',
    'App',
    app('a', { authPublicKey: 'nonsense' }),
    'INVALID_ARGUMENT',
    'failed to parse public key: ssh: no key found\n',
  ],
  [
    'create',
    'App',
    app('a', { authPublicKey: PEM('CERTIFICATE', 'AAAA') }),
    'INVALID_ARGUMENT',
    'Unsupported key tpe "CERTIFICATE"',
  ],
  ['create', 'App', app('a', { imageType: 0 }), 'INVALID_ARGUMENT', 'unknown image type IMAGE_TYPE_UNKNOWN'],
  [
    'create',
    'App',
    app('a', { deployment: 'foo' }),
    'INVALID_ARGUMENT',
    'invalid deployment, must be one of [kubernetes vm helm docker]',
  ],
  [
    'create',
    'App',
    app('a', { deployment: 'vm' }),
    'INVALID_ARGUMENT',
    'deployment is not valid for image type',
  ],
  [
    'create',
    'App',
    app('a', { imageType: 2 }),
    'INVALID_ARGUMENT',
    'imagepath is required for imagetype IMAGE_TYPE_QCOW',
  ],
  [
    'create',
    'App',
    app('a', { deploymentGenerator: 'magic' }),
    'INVALID_ARGUMENT',
    'invalid deployment generator magic',
  ],
  [
    'create',
    'App',
    app('a', { imageType: 2, imagePath: 'x', deploymentManifest: '#cloud-config', command: 'c' }),
    'INVALID_ARGUMENT',
    'invalid deploymentment manifest both deploymentmanifest and command cannot be used together for VM based deployment',
  ],
  [
    'create',
    'App',
    app('a', { imageType: 2, imagePath: 'x', deploymentManifest: 'x' }),
    'INVALID_ARGUMENT',
    "invalid deploymentment manifest only cloud-init script support, must start with '#cloud-config'",
  ],
  [
    'create',
    'App',
    app('a', { androidPackageName: 'com.x' }),
    'ALREADY_EXISTS',
    'AndroidPackageName: com.x in use by another app',
  ],
  ['create', 'App', app('a', { defaultFlavor: { name: '' } }), 'NOT_FOUND', 'Specified flavor not found'],
  ['create', 'App', app('web'), 'ALREADY_EXISTS', 'Key already exists'],
  ['update', 'App', app('nope', { fields: ['13'] }), 'NOT_FOUND', 'Key not found'],
  [
    'update',
    'App',
    app('web', { fields: ['7'], accessPorts: 'icmp:5' }),
    'INVALID_ARGUMENT',
    'icmp is not a supported Protocol',
  ],
  [
    'update',
    'App',
    app('web', { fields: ['9.1'], defaultFlavor: { name: 'no' } }),
    'NOT_FOUND',
    'Specified flavor not found',
  ],
  ['update', 'App', app('web', { fields: ['5'], imageType: 44 }), 'INVALID_ARGUMENT', 'invalid ImageType'],
  ['delete', 'App', app('web'), 'FAILED_PRECONDITION', 'Application in use by static Application Instance'],
  ['delete', 'App', app('nope'), 'NOT_FOUND', 'Key not found'],
  [
    'create',
    'ClusterInst',
    at({ operatorKey: { name: 'op' }, name: 'dark' }),
    'FAILED_PRECONDITION',
    'Cloudlet operator_key:<name:"op" > name:"dark"  not ready, state is CLOUDLET_STATE_NOT_PRESENT',
  ],
  [
    'create',
    'ClusterInst',
    { ...at(SITE), key: clusterKey('c9', SITE, '') },
    'INVALID_ARGUMENT',
    'Developer cannot be empty',
  ],
  [
    'create',
    'ClusterInst',
    { ...at({ operatorKey: { name: 'o' } }), ...noAgent },
    'INVALID_ARGUMENT',
    'Cloudlet name cannot be empty',
  ],
  [
    'create',
    'ClusterInst',
    { ...at({ name: 'o' }), ...noAgent },
    'INVALID_ARGUMENT',
    'Operator name cannot be empty',
  ],
  ['create', 'ClusterInst', clusterInst(''), 'INVALID_ARGUMENT', 'Cluster name cannot be empty'],
  [
    'create',
    'ClusterInst',
    clusterInst('c9', { deployment: 'vm' }),
    'INVALID_ARGUMENT',
    'ClusterInst is not needed for deployment type vm, just create an AppInst directly',
  ],
  [
    'create',
    'ClusterInst',
    clusterInst('c9', { numMasters: 2 }),
    'INVALID_ARGUMENT',
    'NumMasters cannot be greater than 1',
  ],
  [
    'create',
    'ClusterInst',
    clusterInst('c9', { numNodes: 0 }),
    'INVALID_ARGUMENT',
    'Zero NumNodes not supported yet',
  ],
  [
    'create',
    'ClusterInst',
    clusterInst('c9', { deployment: 'docker' }),
    'INVALID_ARGUMENT',
    'NumMasters and NumNodes not applicable for deployment type docker',
  ],
  [
    'create',
    'ClusterInst',
    clusterInst('c9', { deployment: 'docker', numNodes: 0, ipAccess: 3 }),
    'INVALID_ARGUMENT',
    'IpAccess must be dedicated for deployment type docker',
  ],
  [
    'create',
    'ClusterInst',
    clusterInst('c9', { deployment: 'foo' }),
    'INVALID_ARGUMENT',
    'Invalid deployment type foo for ClusterInst',
  ],
  ['create', 'ClusterInst', clusterInst('c9', { ipAccess: 42 }), 'INVALID_ARGUMENT', 'invalid IpAccess'],
  [
    'create',
    'ClusterInst',
    clusterInst('c9', { crmOverride: 42 }),
    'INVALID_ARGUMENT',
    'invalid CrmOverride',
  ],
  ['create', 'ClusterInst', clusterInst('c1'), 'ALREADY_EXISTS', 'Key already exists'],
  ['create', 'ClusterInst', clusterInst('a_b'), 'INVALID_ARGUMENT', 'Invalid cluster name'],
  [
    'create',
    'ClusterInst',
    clusterInst('autocluster1'),
    'INVALID_ARGUMENT',
    'Cluster name prefix "autocluster" is reserved',
  ],
  [
    'create',
    'ClusterInst',
    { ...at({ operatorKey: { name: 'op' }, name: 'no' }), ...noAgent },
    'NOT_FOUND',
    'Specified Cloudlet not found',
  ],
  [
    'create',
    'ClusterInst',
    { ...at({ operatorKey: { name: 'op' }, name: 'dark' }), ...noAgent },
    'FAILED_PRECONDITION',
    'No resource information found for Cloudlet {{op} dark}',
  ],
  [
    'create',
    'ClusterInst',
    clusterInst('c9', { flavor: { name: '' } }),
    'INVALID_ARGUMENT',
    'No Flavor specified and no default Flavor for Cluster',
  ],
  [
    'create',
    'ClusterInst',
    clusterInst('c9', { flavor: { name: 'no' } }),
    'NOT_FOUND',
    'Cluster flavor no node flavor {} not found',
  ],
  ['update', 'ClusterInst', clusterInst('c1'), 'INVALID_ARGUMENT', 'nothing specified to update'],
  [
    'update',
    'ClusterInst',
    clusterInst('c1', { fields: ['3.1'] }),
    'INVALID_ARGUMENT',
    'some specified fields cannot be modified',
  ],
  ['update', 'ClusterInst', clusterInst('c8', { fields: ['14'] }), 'NOT_FOUND', 'Key not found'],
  [
    'update',
    'ClusterInst',
    clusterInst('c1', { fields: ['14'], numNodes: 0 }),
    'INVALID_ARGUMENT',
    'Zero NumNodes not supported yet',
  ],
  [
    'delete',
    'ClusterInst',
    clusterInst('c1'),
    'FAILED_PRECONDITION',
    'ClusterInst in use by Application Instance',
  ],
  ['delete', 'ClusterInst', clusterInst('c8'), 'NOT_FOUND', 'Key not found'],
  ['delete', 'ClusterInst', clusterInst('c8', { crmOverride: 9 }), 'INVALID_ARGUMENT', 'invalid CrmOverride'],
  [
    'create',
    'AppInst',
    { key: { appKey: appKey('web', 'other'), clusterInstKey: clusterKey() } },
    'INVALID_ARGUMENT',
    'Developer name mismatch between app: other and cluster inst: dev',
  ],
  ['create', 'AppInst', appInst('web', 'c1'), 'ALREADY_EXISTS', 'Key already exists'],
  [
    'create',
    'AppInst',
    {
      ...appInst('web', 'c1'),
      key: {
        appKey: appKey(),
        clusterInstKey: clusterKey('c1', { operatorKey: { name: 'op' }, name: 'no' }),
      },
      ...noAgent,
    },
    'NOT_FOUND',
    'Specified cloudlet not found',
  ],
  ['create', 'AppInst', appInst('nope'), 'NOT_FOUND', 'Specified app not found'],
  ['create', 'AppInst', appInst('web', 'c7'), 'NOT_FOUND', 'Specified ClusterInst not found'],
  ['create', 'AppInst', appInst('web', ''), 'INVALID_ARGUMENT', 'Invalid cluster name'],
  [
    'create',
    'AppInst',
    appInst('pkg', 'c1', { uri: 'u' }),
    'INVALID_ARGUMENT',
    'Cannot specify URI u for non-default cloudlet',
  ],
  ['create', 'AppInst', appInst('pkg', 'c1', { flavor: { name: 'no' } }), 'NOT_FOUND', 'Flavor no not found'],
  [
    'create',
    'AppInst',
    appInst('dock', 'c1'),
    'FAILED_PRECONDITION',
    'Cannot deploy docker App into kubernetes ClusterInst',
  ],
  [
    'create',
    'AppInst',
    appInst('pkg', 'c1', { autoClusterIpAccess: 9 }),
    'INVALID_ARGUMENT',
    'invalid AutoClusterIpAccess',
  ],
  [
    'update',
    'AppInst',
    appInst('web', 'c1', { fields: ['3.1'] }),
    'INVALID_ARGUMENT',
    'Cannot specify cloudlet location fields as they are inherited from specified cloudlet',
  ],
  [
    'update',
    'AppInst',
    appInst('web', 'c1', { fields: ['12.1', '4'] }),
    'INVALID_ARGUMENT',
    'some specified fields cannot be modified: 4; only flavor and configs can',
  ],
  ['delete', 'AppInst', appInst('nope'), 'NOT_FOUND', 'Key not found'],
  [
    'evict',
    'CloudletInfo',
    { key: { operatorKey: { name: 'op' }, name: 'no' } },
    'NOT_FOUND',
    'Key not found',
  ],
  [
    'evict',
    'CloudletInfo',
    { key: { operatorKey: { name: '' }, name: 'no' } },
    'INVALID_ARGUMENT',
    'Invalid operator name',
  ],
];

for (const [verb, type, object, status, text] of CASES) {
  errors(`${verb} ${type}: ${text.trim()}`, async ({ controller }) => {
    const { error, messages } = await controller.call(`${verb}${type}`, type, object);
    assert.is(error?.message, text);
    assert.is(error?.status, status);
    assert.equal(messages, []);
  });
}

errors('nothing of all that was stored', async ({ controller }) => {
  const names = async (type: 'App' | 'ClusterInst' | 'AppInst' | 'Cloudlet' | 'Flavor') =>
    (await controller.show(type)).length;
  assert.equal(
    await Promise.all([
      names('App'),
      names('ClusterInst'),
      names('AppInst'),
      names('Cloudlet'),
      names('Flavor'),
    ]),
    [4, 1, 1, 2, 1],
  );
});

errors.run();
