import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { suite } from 'uvu';
import * as assert from 'uvu/assert';
import { contractOf } from './apis.js';
import { inventoryOf, loadTree } from './load.js';

const SAMPLE = `syntax = "proto3";
package a.b;
import "google/api/annotations.proto";
import "other/imported.proto";
message Thing {
  enum Kind { NONE = 0; SOME = 4; }
  string id = 1;
  repeated int32 sizes = 2;
  optional string note = 3;
  map<string, Kind> kinds = 4;
  oneof choice { bool yes = 5; other.Imported imported = 6; }
}
service Things {
  rpc Plain(Thing) returns (other.Imported) {
    option (google.api.http) = {
      post: "/things" body: "*"
      additional_bindings { get: "/things/{id}" }
    };
  }
  rpc Both(stream Thing) returns (stream Thing);
}
`;

const context = { dir: '' };
const test = suite('load', context);

test.before((state) => {
  state.dir = mkdtempSync(join(tmpdir(), 'contract-'));
});
test.after((state) => {
  rmSync(state.dir, { recursive: true });
});

function write(path: string, text: string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, text);
}

test('reads messages, labels, maps, nested enums, streams and routes', ({ dir }) => {
  write(join(dir, 'one/a/thing.proto'), SAMPLE);
  write(join(dir, 'one/skipped/broken.proto'), 'not a proto file');
  write(
    join(dir, 'two/other/imported.proto'),
    'syntax = "proto3"; package other; message Imported { int64 n = 7; }',
  );
  const root = join(dir, 'one');
  const imports = [join(dir, 'two'), ...(contractOf('edgeproto').tree.imports ?? [])];
  const found = inventoryOf(loadTree({ root, except: ['skipped'], imports }));

  assert.equal(found.messages['a.b.Thing'], [
    { number: 1, name: 'id', type: 'string', label: '' },
    { number: 2, name: 'sizes', type: 'int32', label: 'repeated' },
    { number: 3, name: 'note', type: 'string', label: 'optional' },
    { number: 4, name: 'kinds', type: 'map<string, a.b.Thing.Kind>', label: '' },
    { number: 5, name: 'yes', type: 'bool', label: '' },
    { number: 6, name: 'imported', type: 'other.Imported', label: '' },
  ]);
  assert.equal(found.enums['a.b.Thing.Kind'], { NONE: 0, SOME: 4 });
  assert.equal(found.services['a.b.Things'], [
    {
      name: 'Plain',
      request: 'a.b.Thing',
      requestStream: false,
      response: 'other.Imported',
      responseStream: false,
      http: [
        { method: 'POST', path: '/things' },
        { method: 'GET', path: '/things/{id}' },
      ],
    },
    {
      name: 'Both',
      request: 'a.b.Thing',
      requestStream: true,
      response: 'a.b.Thing',
      responseStream: true,
      http: [],
    },
  ]);
});

test('a missing import is an error, not an empty file', ({ dir }) => {
  write(join(dir, 'lost/a.proto'), 'syntax = "proto3"; package a; import "b.proto"; message A {}');
  assert.throws(() => loadTree({ root: join(dir, 'lost') }), /b\.proto is in none of/);
});

test.run();
