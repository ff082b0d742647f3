import type { PeerIdentity } from '@edgeplane/rpc';
import fc from 'fast-check';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { isAllowed, isFor, type Policy } from './policy.js';
import { parsePolicy } from './policy-file.js';

const RESOURCES = new Set(['ResourceApps', 'ResourceCloudlets']);
const parse = (text: string) => parsePolicy(text, 'p.yaml', RESOURCES);
const caller = (commonName: string, ...organizations: string[]): PeerIdentity => ({
  commonName,
  organizations,
  altNames: [],
  fingerprint: commonName,
});

const POLICY = parse(`
grants:
  - who: { organization: Acme }
    allow:
      - { resource: ResourceApps, action: ActionManage, org: Acme }
      - { resource: ResourceCloudlets, action: ActionView, org: "*" }
  - who: { common_name: root, organization: platform }
    allow: [{ resource: "*", action: ActionManage, org: "*" }]
  - who: { anyone: true }
    allow: [{ resource: ResourceCloudlets, action: ActionView, org: open }]
`);

test('a grant allows what it says, and managing includes viewing', () => {
  const can = (who: PeerIdentity | undefined, resource: string, action: string, org: string | undefined) =>
    isAllowed(POLICY, who, { resource, action, org });
  const acme = caller('x', 'Acme');
  assert.ok(can(acme, 'ResourceApps', 'ActionManage', 'Acme'));
  assert.ok(can(acme, 'ResourceApps', 'ActionView', 'Acme'));
  assert.not.ok(can(acme, 'ResourceApps', 'ActionView', 'Other'));
  assert.not.ok(can(acme, 'ResourceApps', 'ActionView', ''), 'all of them');
  assert.ok(can(acme, 'ResourceCloudlets', 'ActionView', ''));
  assert.not.ok(can(acme, 'ResourceCloudlets', 'ActionManage', 'Acme'));
  assert.ok(can(acme, 'ResourceCloudlets', 'ActionView', undefined), 'of no organization');
  assert.ok(can(caller('root', 'platform'), 'ResourceSystem', 'ActionManage', undefined));
  assert.not.ok(
    can(caller('root'), 'ResourceSystem', 'ActionManage', undefined),
    'both conditions must hold',
  );
  assert.ok(can(undefined, 'ResourceCloudlets', 'ActionView', 'open'));
  assert.not.ok(can(undefined, 'ResourceApps', 'ActionView', 'Acme'));
});

test('without grants nothing is allowed, and a caller without a certificate fits no name', () => {
  fc.assert(
    fc.property(fc.string(), fc.string(), (resource, org) => {
      const none: Policy = { grants: [] };
      assert.not.ok(isAllowed(none, caller(org, org), { resource, action: 'ActionView', org }));
      assert.not.ok(isFor({ commonName: org }, undefined));
      assert.not.ok(isFor({ organization: org }, undefined));
    }),
  );
});

const grant = (who: string, allow = '{ resource: "*", action: ActionView, org: "*" }') =>
  `grants: [{ who: ${who}, allow: [${allow}] }]`;

for (const [text, error] of [
  ['grants: [', 'p.yaml: line 1 must be YAML'],
  ['', 'p.yaml: grants must be a list, but got nothing'],
  ['grant: []', 'p.yaml: policy.grant is none of grants, but got "grant"'],
  [grant('{}'), 'grants[0].who must have a condition, but got {}'],
  [grant('{ anyone: false }'), 'grants[0].who.anyone must be true, but got false'],
  [grant('{ common_name: 7 }'), 'grants[0].who.common_name must be a text that is not empty, but got 7'],
  [grant('{ name: x }'), 'grants[0].who.name is none of common_name, organization, anyone, but got "name"'],
  [
    grant('{ anyone: true }', '{ resource: Apps, action: ActionView, org: x }'),
    'grants[0].allow[0].resource must be one of ResourceApps, ResourceCloudlets or *, but got "Apps"',
  ],
  [
    grant('{ anyone: true }', '{ resource: "*", action: view, org: x }'),
    'grants[0].allow[0].action must be ActionView or ActionManage, but got "view"',
  ],
  [
    grant('{ anyone: true }', '{ resource: "*", action: ActionView }'),
    'grants[0].allow[0].org must be a text that is not empty, but got nothing',
  ],
] as const) {
  test(`refused: ${text}`, () => {
    assert.throws(
      () => parse(text),
      (e: Error) => e.message.includes(error) || assert.unreachable(e.message),
    );
  });
}

test.run();
