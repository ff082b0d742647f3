import { OBJECTS } from '@edgeplane/objects';
import { type App, ImageType } from '@edgeplane/proto/edgeproto/app.js';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { checkApp } from './app-checks.js';

const { IMAGE_TYPE_UNKNOWN: NONE, IMAGE_TYPE_DOCKER: DOCKER, IMAGE_TYPE_QCOW: QCOW } = ImageType;

/** The deployment an App ends up with, or why it is refused. */
function deploymentOf(changes: Partial<App>): string {
  const key = { developerKey: { name: 'dev' }, name: 'web', version: '1.0' };
  try {
    return checkApp({ ...OBJECTS.App.withKey(key), imageType: DOCKER, ...changes }).deployment;
  } catch (error) {
    return (error as Error).message;
  }
}

test('the deployment follows from the image when none is given', () => {
  assert.is(deploymentOf({ imageType: DOCKER }), 'kubernetes');
  assert.is(deploymentOf({ imageType: QCOW }), 'vm');
  assert.is(deploymentOf({ imageType: NONE }), 'unknown image type IMAGE_TYPE_UNKNOWN');
});

test('images and deployments that go together', () => {
  const allowed = [
    [DOCKER, 'kubernetes'],
    [DOCKER, 'docker'],
    [QCOW, 'vm'],
    [NONE, 'helm'],
  ];
  for (const imageType of [NONE, DOCKER, QCOW]) {
    for (const deployment of ['kubernetes', 'vm', 'helm', 'docker']) {
      const fits = allowed.some(([image, d]) => image === imageType && d === deployment);
      const expected = fits ? deployment : 'deployment is not valid for image type';
      assert.is(deploymentOf({ imageType, deployment }), expected);
    }
  }
  assert.is(
    deploymentOf({ deployment: 'Kubernetes' }),
    'invalid deployment, must be one of [kubernetes vm helm docker]',
  );
});

test('of several faults the first in the order of the checks is named', () => {
  const faults: readonly (readonly [Partial<App>, string])[] = [
    [{ key: { developerKey: { name: '' }, name: '', version: '' } }, 'Invalid app name'],
    [{ imageType: 44 as ImageType }, 'invalid ImageType'],
    [{ accessPorts: 'x' }, 'Invalid Access Ports format, expected proto:port but was x'],
    [{ authPublicKey: 'x' }, 'failed to parse public key: ssh: no key found\n'],
    [{ deployment: 'x' }, 'invalid deployment, must be one of [kubernetes vm helm docker]'],
  ];
  faults.forEach(([, text], i) => {
    const all = Object.assign({}, ...faults.slice(i).map(([fault]) => fault)) as Partial<App>;
    assert.is(deploymentOf(all), text);
  });
});

test.run();
