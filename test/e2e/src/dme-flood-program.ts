/** Calls GetAppInstList as often as it can until it is ended; tells its parent how often, whenever that asks. */
import {
  AppInstListRequest,
  MatchEngineApiClient,
  MatchEngineApiService,
} from '@edgeplane/proto/dme/app-client.js';
import { Loc } from '@edgeplane/proto/dme/loc.js';
import { callUnaryMethod, connect } from '@edgeplane/rpc';

const [address = '', sessionCookie = '', connections = '', callsOfEach = ''] = process.argv.slice(2);
const empty = AppInstListRequest.decode(new Uint8Array());
const request = { ...empty, sessionCookie, gpsLocation: { ...Loc.decode(new Uint8Array()), latitude: 50 } };
// Answers are not looked into: what is to be kept busy is the server.
const asItIs = (bytes: Buffer) => bytes;
const method = {
  ...MatchEngineApiService.getAppInstList,
  responseSerialize: asItIs,
  responseDeserialize: asItIs,
};
const counts = { done: 0, refused: 0 };

async function callForEver(client: MatchEngineApiClient): Promise<void> {
  for (;;)
    await callUnaryMethod<AppInstListRequest, Buffer>(client, method, request).then(
      () => {
        counts.done += 1;
      },
      () => {
        counts.refused += 1;
      },
    );
}

for (let c = 0; c < Number(connections); c++) {
  const client = connect(MatchEngineApiClient, address);
  for (let i = 0; i < Number(callsOfEach); i++) void callForEver(client);
}
process.on('message', () => process.send?.(counts));
