import { createLogger, ManualClock } from '@edgeplane/base';
import { test } from 'uvu';
import * as assert from 'uvu/assert';
import { doorAudit } from './audit.js';

/** What is logged of a call. */
function logged(path: string, request: unknown): string {
  const lines: string[] = [];
  const logger = createLogger({
    name: 'test',
    destination: { write: (line: string) => void lines.push(line) },
  });
  doorAudit(new ManualClock()).start(logger, path, '127.0.0.1:1', 'somebody', request)();
  return lines.join('');
}

test('a call is logged by what it names, and by nothing else of its request', () => {
  for (const [path, request, named] of [
    [
      '/provider.v1.Provider/ExportDisk',
      {
        ...{ vmId: 'vm-1', format: 'qcow2', destinationUrl: 'https://u:s3cret@x/?sig=s3cret' },
        credentials: { secretAccessKey: 's3cret' },
      },
      ['"vmId":"vm-1"', '"format":"qcow2"'],
    ],
    [
      '/provider.v1.Provider/Create',
      { name: 'web', userData: Buffer.from('s3cret'), imageJson: '{"token":"s3cret"}', tags: ['s3cret'] },
      ['"name":"web"'],
    ],
    [
      '/microvm.services.api.v1alpha1.MicroVM/CreateMicroVM',
      {
        microvm: {
          id: 'mvm',
          namespace: 'ns',
          metadata: { 'user-data': 's3cret' },
          kernel: { cmdline: 's3cret' },
        },
      },
      ['"id":"mvm"', '"namespace":"ns"'],
    ],
    [
      '/aurae.runtime.pod.v0.PodService/Allocate',
      { pod: { name: 'web', containers: [{ name: 's3cret', env: { PASSWORD: 's3cret' } }] } },
      ['"name":"web"'],
    ],
    [
      '/operations.v1.OperationsService/CreateHypervisors',
      { ids: ['hv-1', 'hv-2', { s3cret: 's3cret' }] },
      ['hv-1', 'hv-2'],
    ],
  ] as const) {
    const text = logged(path, request);
    for (const name of named) assert.ok(text.includes(name), `${path}: ${text}`);
    assert.not(text.includes('s3cret'), `${path}: ${text}`);
  }
});

test('calls that only read are not logged: clients poll them', () => {
  const { covers } = doorAudit(new ManualClock());
  for (const method of ['Describe', 'ListVMs', 'ListMicroVMsStream', 'GetMicroVM', 'Validate', 'TaskStatus'])
    assert.not(covers(`/any.Service/${method}`), method);
  for (const method of ['Create', 'Power', 'Allocate', 'DestroyHypervisors', 'ExportDisk', 'UpdateMicroVM'])
    assert.ok(covers(`/any.Service/${method}`), method);
});

test.run();
